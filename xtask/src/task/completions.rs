//! `cargo xtask completions`

use std::io::Write as _;

use clap::Command;

use crate::error::Exit;
use crate::ui;

/// Print a script that completes `cargo xtask <TAB>` in your shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask completions bash > ~/.cargo-xtask.bash
  cargo xtask completions zsh > ~/.cargo-xtask.zsh
  cargo xtask completions fish > ~/.config/fish/conf.d/cargo-xtask.fish

In ~/.bashrc: source ~/.cargo-xtask.bash; in ~/.zshrc, after compinit:
source ~/.cargo-xtask.zsh

The script is for this version of the command line: generate it again after an update.
Completion of cargo itself keeps working. Tested in bash, not in zsh or fish.")]
pub(crate) struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    /// bash 3.2 and later
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// The command word is `cargo`, so this wraps the function that completes it. The wrapped
/// one still completes everything but `cargo xtask`.
const BASH: &str = r#"
# The function that completed `cargo` before, if any. When this file is sourced
# again, it finds its own function and keeps the first.
_xtask_found="$(complete -p cargo 2>/dev/null)"
case "$_xtask_found" in
*' -F _cargo_with_xtask '*) ;;
*' -F '*)
    _xtask_before="${_xtask_found#* -F }"
    _xtask_before="${_xtask_before%% *}"
    ;;
*) _xtask_before= ;;
esac
unset _xtask_found
_cargo_with_xtask() {
    if [ "$COMP_CWORD" -ge 2 ] && [ "${COMP_WORDS[1]}" = xtask ]; then
        COMP_WORDS=("${COMP_WORDS[@]:1}")
        COMP_CWORD=$((COMP_CWORD - 1))
        _xtask xtask "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        return
    fi
    if [ -n "$_xtask_before" ]; then
        "$_xtask_before" "$@"
    elif [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W 'bench build check clean clippy doc fmt run test update xtask' -- "$2"))
    fi
}
complete -o default -o bashdefault -F _cargo_with_xtask cargo
"#;

const ZSH: &str = r#"
(( $+functions[_cargo] )) || autoload -Uz _cargo
_cargo_with_xtask() {
    if (( CURRENT > 2 )) && [[ ${words[2]} == xtask ]]; then
        shift words
        (( CURRENT-- ))
        _xtask
    else
        _cargo "$@"
    fi
}
compdef _cargo_with_xtask cargo
"#;

const FISH: &str = r"
function __cargo_is_xtask
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test $words[2] = xtask
end
function __cargo_xtask
    complete -C (string replace -r '^\s*cargo\s+' '' -- (commandline -cp))
end
complete -c cargo -n __cargo_is_xtask -f -a '(__cargo_xtask)'
";

pub(crate) fn run(args: &Args, mut command: Command) -> Exit {
    let (shell, wrapper) = match args.shell {
        Shell::Bash => (clap_complete::Shell::Bash, BASH),
        Shell::Zsh => (clap_complete::Shell::Zsh, ZSH),
        Shell::Fish => (clap_complete::Shell::Fish, FISH),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "xtask", &mut script);
    // Writing to memory cannot fail.
    drop(script.write_all(wrapper.as_bytes()));
    ui::out(String::from_utf8_lossy(&script).trim_end());
    Exit::Success
}
