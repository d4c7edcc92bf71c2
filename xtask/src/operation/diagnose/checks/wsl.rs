//! WSL2: whether Windows and Linux share ports.

use crate::operation::diagnose::facts::Facts;
use crate::operation::diagnose::finding::{Finding, Status};
use crate::{host, ui};

pub(crate) fn check(_: &Facts) -> Vec<Finding> {
    host::wsl_networking().map(|mode| finding(&mode)).into_iter().collect()
}

/// Modes of `.wslconfig` (learn.microsoft.com, "Advanced settings configuration in WSL").
fn finding(mode: &str) -> Finding {
    let (id, title) = ("wsl.networking", "WSL2");
    match mode {
        "mirrored" => Finding::new(id, title, Status::Note, "networking mode mirrored")
            .why("Windows and Linux share ports: one that looks free here may be taken there, and the reverse")
            .remedy("in PowerShell: `netstat -ano | findstr :8000` shows the Windows side"),
        "nat" | "virtioproxy" => Finding::new(id, title, Status::Note, format!("networking mode {mode}"))
            .why("Windows has its own ports; wslrelay.exe or com.docker.backend.exe hold there what listens here, and must not be stopped")
            .remedy("who holds a port here: `cargo xtask who PORT`; on the Windows side: `netstat -ano | findstr :8000`"),
        "none" => Finding::new(id, title, Status::Problem, "networking mode none")
            .why("Linux cannot reach Windows or any network")
            .remedy("`networkingMode=mirrored` or `nat` in .wslconfig, then `wsl --shutdown`"),
        other => Finding::new(id, title, Status::Unknown, format!("networking mode `{}`", ui::clean(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_is_explained() {
        let status = |mode| finding(mode).status;
        assert_eq!([status("nat"), status("mirrored"), status("none")], [Status::Note, Status::Note, Status::Problem]);
        assert_eq!(status("bridged?"), Status::Unknown);
    }
}
