//! A real browser without a window.

use std::path::{Path, PathBuf};

use crate::support::{Output, command, root, run, skip};

const PROGRAM: &str = "/usr/bin/chromium";

/// What it gives up a page for when an interface comes or goes meanwhile. Other
/// tests make and remove networks all the time.
const NETWORK_CHANGED: &str = "ERR_NETWORK_CHANGED";

/// A browser with a profile of its own.
pub(crate) struct Browser {
    home: PathBuf,
}

impl Browser {
    /// One that has `home` as its person's folder; `None`, and said so, where no
    /// browser is installed.
    pub(crate) fn find(home: &Path) -> Option<Browser> {
        if !Path::new(PROGRAM).exists() {
            skip("no chromium: apt-get install chromium");
            return None;
        }
        Some(Browser { home: home.to_owned() })
    }

    fn run(&self, url: &str, words: &[&str]) -> Output {
        let mut page = self.load(url, words);
        for _ in 0..9 {
            if !page.stdout.contains(NETWORK_CHANGED) && !page.stderr.contains(NETWORK_CHANGED) {
                break;
            }
            page = self.load(url, words);
        }
        page
    }

    fn load(&self, url: &str, words: &[&str]) -> Output {
        let mut chromium = command(PROGRAM);
        chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]);
        chromium.arg("--virtual-time-budget=8000");
        chromium
            .arg(format!("--user-data-dir={}", self.home.join("chromium").display()))
            .args(words)
            .args(["--dump-dom", url]);
        // Where it looks for the CAs that a person trusts.
        chromium.env("HOME", &self.home);
        run(chromium).exits(0)
    }

    /// The page as it is once its scripts have run.
    pub(crate) fn page(&self, url: &str) -> Output {
        self.run(url, &[])
    }

    /// The same, and a picture of it in target/screenshots, which has to show
    /// something.
    pub(crate) fn picture(&self, url: &str, name: &str, size: &str) -> Output {
        let shots = root().join("target/screenshots");
        std::fs::create_dir_all(&shots).unwrap();
        let shot = shots.join(name);
        // One of an earlier run would prove nothing.
        drop(std::fs::remove_file(&shot));
        let page = self.run(url, &[&format!("--screenshot={}", shot.display()), &format!("--window-size={size}")]);
        assert!(std::fs::metadata(&shot).unwrap().len() > 5_000);
        page
    }

    /// Has its person trust a CA.
    pub(crate) fn trust(&self, ca: &str) {
        let folder = self.home.join(".pki/nssdb");
        std::fs::create_dir_all(&folder).unwrap();
        let store = format!("sql:{}", folder.display());
        for words in [&["-N", "--empty-password"][..], &["-A", "-t", "C,,", "-n", "performia", "-i", ca][..]] {
            let mut certutil = command("certutil");
            certutil.args(["-d", &store]).args(words);
            run(certutil).exits(0);
        }
    }
}
