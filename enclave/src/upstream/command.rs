//! How an engine beside the node is started: with nothing of the node's but its place on the disk.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::confinement::User;

/// Takes rights away before the engine is begun, and ends it with its parent. Part of util-linux.
const SETPRIV: &str = "/usr/bin/setpriv";

/// Names of the node's own environment that an engine may see: which devices it may use, nothing that changes what it loads.
const PASSED_ON: [&str; 4] =
    ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "LANG", "NVIDIA_VISIBLE_DEVICES"];

/// What every engine is told: not to listen beyond loopback, not to fetch anything, not to report anything.
const TOLD: [(&str, &str); 7] = [
    ("DO_NOT_TRACK", "1"),
    ("HF_HUB_OFFLINE", "1"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("TRANSFORMERS_OFFLINE", "1"),
    ("VLLM_HOST_IP", "127.0.0.1"),
    ("VLLM_NO_USAGE_STATS", "1"),
];

/// What is started, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program, by its whole path, and its arguments.
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Its working directory, which is also its home.
    pub(crate) directory: PathBuf,
    pub(crate) user: User,
}

impl Launch {
    /// The command, with `variable` giving the node's own environment.
    pub(super) fn command(&self, variable: impl Fn(&str) -> Option<String>) -> Command {
        self.command_with(Path::new(SETPRIV).exists(), variable)
    }

    fn command_with(&self, setpriv: bool, variable: impl Fn(&str) -> Option<String>) -> Command {
        let mut command = if setpriv { self.through_setpriv() } else { self.directly() };
        command.args(&self.arguments).current_dir(&self.directory).process_group(0);
        // What it prints can hold prompts.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env_clear().envs(TOLD).env("HOME", &self.directory);
        let passed = PASSED_ON.into_iter().filter_map(|name| Some((name, variable(name)?)));
        command.envs(passed);
        command
    }

    fn through_setpriv(&self) -> Command {
        let mut command = Command::new(SETPRIV);
        command.args(["--no-new-privs", "--pdeathsig", "KILL"]);
        match self.user {
            User::Own { user, group } => {
                command.arg("--reuid").arg(user.to_string()).arg("--regid").arg(group.to_string());
                command.args(["--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]);
            }
            User::DangerSame => {}
        }
        command.arg("--").arg(&self.program);
        command
    }

    /// Where that program is missing the service must have been started without a way to gain rights: the engine inherits
    /// it, and is refused where it does not.
    fn directly(&self) -> Command {
        let mut command = Command::new(&self.program);
        match self.user {
            User::Own { user, group } => {
                // The standard library clears the other groups when it changes the user.
                command.uid(user).gid(group);
            }
            User::DangerSame => {}
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(user: User) -> Launch {
        let arguments = vec!["--port".to_owned(), "1".to_owned()];
        Launch { program: "/opt/engine".into(), arguments, directory: "/var".into(), user }
    }

    fn line(command: &Command) -> Vec<&str> {
        let arguments = command.get_args().filter_map(|argument| argument.to_str());
        command.get_program().to_str().into_iter().chain(arguments).collect()
    }

    #[test]
    fn rights_are_taken_away_before_the_engine_begins() {
        let own = launch(User::Own { user: 990, group: 991 });
        let expected = "/usr/bin/setpriv --no-new-privs --pdeathsig KILL --reuid 990 --regid 991 --clear-groups --bounding-set=-all --inh-caps=-all -- /opt/engine --port 1";
        assert_eq!(line(&own.command_with(true, |_| None)).join(" "), expected);
        assert_eq!(line(&own.command_with(false, |_| None)).join(" "), "/opt/engine --port 1");
        let same = launch(User::DangerSame).command_with(true, |_| None);
        let expected = "/usr/bin/setpriv --no-new-privs --pdeathsig KILL -- /opt/engine --port 1";
        assert_eq!(line(&same).join(" "), expected);
    }

    #[test]
    fn the_environment_is_empty_but_for_what_is_listed() {
        let command =
            launch(User::DangerSame).command_with(true, |name| Some(format!("my {name}")));
        let names: Vec<_> = command.get_envs().filter_map(|(name, _)| name.to_str()).collect();
        let mut expected: Vec<_> = TOLD.iter().map(|(name, _)| *name).chain(PASSED_ON).collect();
        expected.push("HOME");
        expected.sort_unstable();
        assert_eq!(names, expected);
        let refused = ["LD_PRELOAD", "PYTHONPATH", "HTTP_PROXY", "http_proxy", "SSH_AUTH_SOCK"];
        assert!(refused.iter().all(|name| !names.contains(name)));
    }
}
