//! Requests to the API server and what came of them.

use std::time::Duration;

use serde_json::Value;

use crate::failure::{Failure, Seen};
use crate::fault::Fault;
use crate::host::{Host, Method, Request, Response, Tls, Unanswered};
use crate::secret::Secret;

/// Largest answer accepted: the list of all etcd pods or one Secret is far below.
const ANSWER: usize = 4 << 20;
/// Patience for an API server's TCP and TLS handshakes.
pub const API_PATIENCE: Duration = Duration::from_secs(2);
/// The same for etcd: a member that starts accepts connections before it serves them, and who waits for it looks again soon.
pub const ETCD_PATIENCE: Duration = Duration::from_millis(750);
const EXCHANGE: Duration = Duration::from_secs(10);

/// The field manager of server-side apply and the holder prefix of the Lease.
pub const MANAGER: &str = "kubeboot";

/// One question to an API server (or etcd's JSON gateway).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Content type and body.
    pub body: Option<(&'static str, Vec<u8>)>,
}

impl Ask {
    /// GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::Get, path: path.into(), body: None }
    }

    /// POST or PUT of JSON.
    pub fn send(method: Method, path: impl Into<String>, body: &Value) -> Self {
        Self { method, path: path.into(), body: Some(("application/json", body.to_string().into_bytes())) }
    }

    /// Server-side apply (JSON is YAML): 409 only if another manager owns a field, and force takes it over.
    pub fn apply(path: &str, object: &Value) -> Self {
        Self {
            method: Method::Patch,
            path: format!("{path}?fieldManager={MANAGER}&force=true"),
            body: Some(("application/apply-patch+yaml", object.to_string().into_bytes())),
        }
    }

    /// Strategic merge patch, for labels of an existing Node.
    pub fn patch(path: impl Into<String>, body: &Value) -> Self {
        Self {
            method: Method::Patch,
            path: path.into(),
            body: Some(("application/strategic-merge-patch+json", body.to_string().into_bytes())),
        }
    }
}

/// What came instead of a good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// An HTTP status outside 200–299, with the server's message.
    Status(u16, String),
    /// No answer.
    Unanswered(Unanswered),
    /// A good status whose body is no JSON.
    Malformed(String),
}

impl Trouble {
    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Status(code, message) => format!("HTTP {code}: {message}"),
            Self::Unanswered(reason) => reason.line(),
            Self::Malformed(what) => format!("the answer is no JSON: {what}"),
        }
    }

    /// The HTTP status, if there was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status(code, _) => Some(*code),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Status(400 | 405 | 406 | 415 | 422, _) => Failure::ApiRefuses,
            Self::Status(401, _) => Failure::CredentialRefused,
            Self::Status(..) | Self::Malformed(_) => Failure::ApiUnavailable,
            Self::Unanswered(reason) => reason.failure(),
        }
    }

    /// As a look sees it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.failure().seen(self.line())
    }

    /// As a fault of `doing` something at `at`: everything that another try may mend is transient, 403 among it
    /// (init makes its bindings late), a request that can't be made is a bug.
    #[must_use]
    pub fn fault(&self, doing: &str, at: &str) -> Fault {
        Fault::new(self.failure(), doing, at, "look at the API server's own log on a control plane (`crictl logs`) if this persists")
            .because(self.line())
    }
}

/// Reads an answer.
///
/// # Errors
/// [`Trouble`], with the `message` of the Status object that API servers send.
pub fn read(answer: Result<Response, Unanswered>) -> Result<Value, Trouble> {
    let response = answer.map_err(Trouble::Unanswered)?;
    let json = serde_json::from_slice::<Value>(&response.body);
    if (200..300).contains(&response.status) {
        return json.map_err(|error| Trouble::Malformed(error.to_string()));
    }
    let message = json
        .ok()
        .and_then(|body| body.get("message").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(response.body.get(..200).unwrap_or(&response.body)).into_owned());
    Err(Trouble::Status(response.status, message))
}

/// One server and one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// `https://host:port`.
    pub server: String,
    /// Trust and client certificate.
    pub tls: Tls,
    /// Bearer token, if the identity is one.
    pub bearer: Option<Secret<String>>,
    /// Limit for the connection attempt.
    pub patience: Duration,
}

impl Client {
    /// The request that carries `ask`.
    #[must_use]
    pub fn request(&self, ask: &Ask) -> Request {
        Request {
            method: ask.method,
            url: format!("{}{}", self.server, ask.path),
            address: None,
            tls: Some(self.tls.clone()),
            bearer: self.bearer.clone(),
            content_type: ask.body.as_ref().map(|(kind, _)| *kind),
            body: ask.body.as_ref().map(|(_, body)| Secret::new(body.clone())),
            only_if_absent: false,
            connect_limit: self.patience,
            limit: EXCHANGE,
            size_limit: ANSWER,
            fresh: false,
        }
    }

    /// Asks for a health path (`/readyz`), whose answer is its status alone.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn healthy<H: Host>(&self, host: &H, path: &str) -> Result<(), Trouble> {
        match self.ask(host, &Ask::get(path)).await {
            Ok(_) | Err(Trouble::Malformed(_)) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Asks.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn ask<H: Host>(&self, host: &H, ask: &Ask) -> Result<Value, Trouble> {
        read(host.http(&self.request(ask)).await)
    }
}
