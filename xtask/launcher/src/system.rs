//! Facts from the operating system: the user and the C library.

/// The effective user id.
#[cfg(unix)]
pub(crate) fn user() -> u32 {
    #[expect(unsafe_code, reason = "the declaration of a function of the C library")]
    // SAFETY: POSIX: `uid_t geteuid(void)`, which always succeeds; `uid_t` has 32
    // bits on every Unix that Rust supports.
    unsafe extern "C" {
        safe fn geteuid() -> u32;
    }
    geteuid()
}

/// The version of the C library, if programs linked with a newer version do not start.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn c_library() -> Vec<u8> {
    #[expect(unsafe_code, reason = "the declaration of a function of the C library")]
    // SAFETY: glibc: `const char *gnu_get_libc_version(void)`.
    unsafe extern "C" {
        safe fn gnu_get_libc_version() -> *const std::ffi::c_char;
    }
    let version = gnu_get_libc_version();
    #[expect(unsafe_code, reason = "reads a string of the C library")]
    // SAFETY: glibc returns a constant string that ends with a zero byte.
    let version = unsafe { std::ffi::CStr::from_ptr(version) };
    version.to_bytes().to_vec()
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn c_library() -> Vec<u8> {
    Vec::new()
}

/// Whether this user owns a file or folder and nobody else may change it.
#[cfg(unix)]
pub(crate) fn is_private(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == user() && metadata.mode() & 0o022 == 0
}

/// On Windows the access list of %LOCALAPPDATA% protects it.
#[cfg(not(unix))]
pub(crate) fn is_private(_metadata: &std::fs::Metadata) -> bool {
    true
}

/// Leaves Ctrl-C to the child: this process waits for its exit code.
#[cfg(windows)]
pub(crate) fn ignore_interrupts() {
    type Handler = extern "system" fn(u32) -> i32;
    #[expect(unsafe_code, reason = "the declaration of a function of the system")]
    // SAFETY: kernel32: `BOOL SetConsoleCtrlHandler(PHANDLER_ROUTINE, BOOL)`.
    unsafe extern "system" {
        safe fn SetConsoleCtrlHandler(handler: Option<Handler>, add: i32) -> i32;
    }
    extern "system" fn handled(_event: u32) -> i32 {
        1
    }
    // A handler, because "ignore" would be inherited by the child.
    SetConsoleCtrlHandler(Some(handled), 1);
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn glibc_has_a_version() {
        let version = String::from_utf8(super::c_library()).unwrap();
        assert!(version.starts_with("2."), "{version}");
    }

    #[test]
    #[cfg(unix)]
    fn a_file_is_private_unless_somebody_else_may_write_it() {
        use std::os::unix::fs::PermissionsExt;
        let file = std::env::temp_dir().join(format!("xtask-launcher-private-{}", std::process::id()));
        std::fs::write(&file, "").unwrap();
        for (mode, private) in [(0o700, true), (0o755, true), (0o720, false), (0o702, false)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(super::is_private(&std::fs::metadata(&file).unwrap()), private, "{mode:o}");
        }
        std::fs::remove_file(file).unwrap();
    }
}
