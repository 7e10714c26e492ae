//! How a command can fail, and the exit code that says so.

use std::process::ExitCode;

/// A command that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A check ran and found something: 5.
    #[error("{0}")]
    Found(String),
    /// It was tried and did not work: 1.
    #[error("{0}")]
    Failed(String),
    /// There is no such thing: 3.
    #[error("{0}")]
    NotFound(String),
    /// No server answered: 4.
    #[error("{0}")]
    NotReachable(String),
    /// The command was not understood: 2.
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    /// As the shell sees it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::NotReachable(_) => 4,
            Self::Found(_) => 5,
        })
    }
}

impl From<crate::config::resolved::Faults> for Failure {
    fn from(faults: crate::config::resolved::Faults) -> Self {
        Self::Failed(faults.to_string())
    }
}
