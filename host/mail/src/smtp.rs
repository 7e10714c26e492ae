//! The mail server: where it is, as whom we write, and what it takes.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

/// A mail server that takes our e-mails.
#[derive(Clone, Debug)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Why an e-mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// In words.
    pub why: String,
    /// Whether it is of no use to try again.
    pub for_good: bool,
}

impl Smtp {
    /// The server at `smtp://[USER@]HOST[:PORT]` or `smtps://…`, with a password where it names a user. `?tls=required` demands
    /// STARTTLS, `?tls=opportunistic` takes it where it is offered.
    pub fn new(url: &str, from: &str, password: Option<&str>) -> Result<Self, String> {
        let from: Mailbox = from.parse().map_err(|_| format!("`{from}` is no address to write from"))?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|fault| format!("`{url}` is no smtp://HOST:PORT or smtps://HOST: {fault}"))?;
        let user = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
        if let (Some(user), Some(password)) = (user, password) {
            let user = user.replace("%40", "@");
            builder = builder.credentials(Credentials::new(user, password.to_owned()));
        }
        Ok(Self { transport: builder.timeout(Some(PATIENCE)).build(), from })
    }

    /// As whom we write.
    pub fn from(&self) -> &Mailbox {
        &self.from
    }

    /// Hands an e-mail over.
    pub async fn send(&self, message: Message) -> Result<(), NotTaken> {
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(fault) => {
                let mut why = fault.to_string();
                if let Some(cause) = core::error::Error::source(&fault) {
                    why = format!("{why}: {cause}");
                }
                Err(NotTaken { why, for_good: fault.is_permanent() })
            }
        }
    }
}

/// How long the server may take for one step.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::Smtp;

    #[tokio::test]
    async fn servers_are_named_by_addresses() {
        for (url, from, good) in [
            ("smtp://127.0.0.1:2525", "pbx@example.com", true),
            ("smtps://user@mail.example.com", "Trunkline <pbx@example.com>", true),
            ("smtp://mail.example.com:587?tls=required", "pbx@example.com", true),
            ("mail.example.com", "pbx@example.com", false),
            ("http://mail.example.com", "pbx@example.com", false),
            ("smtp://mail.example.com", "nobody", false),
        ] {
            assert_eq!(Smtp::new(url, from, Some("secret")).is_ok(), good, "{url} {from}");
        }
    }
}
