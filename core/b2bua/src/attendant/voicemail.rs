//! Calls that nobody took leave a message, where whoever was dialled takes messages.

use routing::decision::Attached;

use crate::call::{Call, Final};
use crate::means::Means;

impl Call {
    /// Whether the caller may leave a message, now that the call failed like this.
    pub(crate) fn takes_message(&self, failed: &Final) -> bool {
        // A caller whose call could not have been taken at all hears why.
        let nobody = matches!(failed.code, 404 | 408 | 410 | 480 | 486 | 487 | 500..=599 | 600 | 603 | 604);
        nobody && self.decision.voicemail.is_some() && self.attendant.is_none()
    }

    /// The mailbox of whoever was dialled answers.
    pub(crate) fn take_message(&mut self, means: &mut Means<'_>) {
        let Some(connection) = self.decision.voicemail.clone() else { return };
        self.moved_on();
        self.attend(&Attached::voicemail(&connection), means);
    }
}
