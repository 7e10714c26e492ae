//! Puts the parts together: store, call path, API. Joins, and decides nothing.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::{About, Api};
use certificates::Demand;
use engine::control::{Ask, Event, Happening};
use engine::{BanOrder, PassKey};
use mail::{Postman, Smtp};
use net::shard_loop::{ListenerSpec, TlsSetup};
use outside::{Outside, Rule};
use push::{Pusher, VapidKey};
use routing::config::{Change, Delta};
use sip_stack::transport::Protocol;
use speech::Speech;
use stir::Keyring;
use store::{Actor, Loaded, Store, StoreError};
use tokio::task::JoinHandle;
use webhooks::{Courier, Disabled};

use crate::banner::{self, Banner, MediaFacts, Set};
use crate::call_path::CallPath;
use crate::config::Found;
use crate::config::resolved::Config;
use crate::errands::Errands;
use crate::failure::Failure;
use crate::mailroom::Mailroom;
use crate::recordings::Recordings;
use crate::vouching::Vouching;
use crate::waking::Waking;
use crate::{http, https, local, mailroom, serve, tls, token_key, web_socket};

/// Everything that runs.
pub(crate) struct Assembled {
    /// What outlives the process.
    pub(crate) store: Store,
    /// Signalling and media.
    pub(crate) call_path: Arc<CallPath>,
    http: SocketAddr,
    https: Option<SocketAddr>,
    tls: TlsSetup,
    tasks: Vec<JoinHandle<()>>,
    /// Held as long as we are the server on this folder.
    _folder: File,
}

/// Starts every part, in the order in which they need each other.
pub(crate) async fn assemble(config: &Config) -> Result<Assembled, Failure> {
    let folder = claim(&config.data)?;
    let store = Store::open_with(&config.data, local::seed(config)).await.map_err(failed)?;
    let lost = store.close_lost_calls(store::now()).await.map_err(failed)?;
    if lost > 0 {
        tracing::warn!(calls = lost, "calls were cut off by the last end and are closed in history");
    }
    if let Some(password) = &config.admin_password {
        store.set_admin_password(&Actor::system(), "admin", &password.0).await.map_err(failed)?;
    }
    let bindings = store.bindings(store::now()).await.map_err(failed)?;
    let counters = store.counters().await.map_err(failed)?;
    let loaded = store.load().await.map_err(failed)?;
    let tls = tls::open(config)?;
    let left = (bindings, counters);
    let keyring = Arc::new(Keyring::open(&config.data));
    let outside = outside(config, &tls)?;
    let vouching = Arc::new(Vouching::new(Arc::clone(&keyring), outside.clone()));
    let vapid = VapidKey::open(&config.data, &format!("https://{}", config.base_domain));
    let vapid = vapid.map_err(|fault| Failure::Failed(fault.to_string()))?;
    let waking = Waking::new(Pusher::new(vapid, outside.clone()));
    let (speech, listening) =
        Speech::start(&config.data, config.speech.clone(), outside.clone(), store.clone());
    let recordings = Recordings::start(store.clone());
    let mailroom = Mailroom::new(store.clone(), Arc::clone(&speech), Arc::clone(&recordings));
    let kept = (recordings, Arc::clone(&mailroom));
    let errands = Errands::new(outside.clone(), waking, Arc::clone(&speech), kept, store.clone());
    let errands = Arc::new(errands);
    let helpers = (vouching, Arc::clone(&errands));
    let door = http::bind("--http", config.http, config.http_may_move).await?;
    let http = door.local_addr().map_err(|fault| Failure::Failed(format!("--http: {fault}")))?;
    let secure_door = match config.https {
        Some(address) => Some(http::bind("--https", address, config.https_may_move).await?),
        None => None,
    };
    let https = secure_door.as_ref().and_then(|door| door.local_addr().ok());
    let web = web_listeners(http, https);
    let call_path =
        CallPath::start(config, web, in_force(&loaded), left, store.writer(), tls.clone(), helpers)?;
    let bans = store.bans_in_force(store::now()).await.map_err(failed)?;
    api::Shards::ask(&*call_path, Ask::Bans(BanOrder::Restore(bans))).await;
    let socket = http::bind_local(&config.data)?;
    let courier = deliver(&store, &call_path, outside);
    let passes = PassKey::new(&token_key::read_or_make(&config.data)?);
    let about = about(config, http, https, &call_path, &tls, (Arc::clone(&keyring), passes, speech));
    let api = Api::new(store.clone(), loaded, call_path.clone(), about);
    call_path.tell_of_recordings();
    mailroom.open(&api, &call_path);
    mailroom.adopt().await;
    api.tell_all_waiting().await;
    let postman = post(config, &store, &api)?;
    errands.knows(&api);
    let routes = |protocol| {
        let sockets = web_socket::router(call_path.door(protocol), &config.ws_origins);
        api::router(Arc::clone(&api)).merge(sockets)
    };
    let public = routes(Protocol::Ws);
    let secure = secure_door
        .map(|door| tokio::spawn(https::serve(door, Arc::clone(&tls.shelf), routes(Protocol::Wss))));
    let local = api::local_router(api).into_make_service();
    let mut tasks = vec![
        tokio::spawn(tls::watch(tls.clone(), keyring)),
        tokio::spawn(http::serve(door, public, http::PATIENCE)),
        tokio::spawn(async move { report(axum::serve(socket, local).await) }),
        tokio::spawn(prune(store.clone(), mailroom)),
        postman,
        courier,
        listening,
    ];
    tasks.extend(secure);
    Ok(Assembled { store, call_path, http, https, tls, tasks, _folder: folder })
}

impl Assembled {
    /// The facts of this start; makes the set-up link if nobody has claimed the installation.
    pub(crate) async fn banner(
        &self,
        config: &Config,
        found: &Found,
        open_files: Option<u64>,
    ) -> Result<Banner, Failure> {
        let base = format!("{}/", url(self.http));
        let (media_io, refusal) = self.call_path.media_io();
        let sip = self.call_path.sip();
        let sip_port = sip.first().map_or(5060, |listener| listener.port);
        let set = |(option, value, origin): (String, String, crate::config::origin::Origin)| Set {
            option,
            value,
            origin: origin.to_string(),
        };
        Ok(Banner {
            version: serve::VERSION,
            data: config.data.clone(),
            data_is_new: self.store.is_new(),
            options: found.changed().into_iter().map(set).collect(),
            http: [base.clone()].into_iter().chain(self.https.map(|https| secure_url(https) + "/")).collect(),
            certificates: self.tls.shelf.entries().iter().map(banner::Certificate::of).collect(),
            sip: config.sip.iter().map(ToString::to_string).collect(),
            media: MediaFacts {
                first_port: *config.media.ports.start(),
                last_port: *config.media.ports.end(),
                calls: config.media.calls(),
                io: media_io,
                refusal: refusal.map(str::to_owned),
            },
            public_ip: config.media.public_ip,
            warnings: banner::warnings(config, self.http, self.https, sip_port, open_files),
            setup_link: local::setup_link(&self.store, &base).await.map_err(failed)?,
        })
    }

    /// Ends what still runs; everything that was pushed is on disk afterwards.
    pub(crate) async fn end(self) {
        for task in &self.tasks {
            task.abort();
        }
        self.call_path.stop().await;
        self.store.close().await;
    }
}

/// The HTTP listeners as transports of SIP.
fn web_listeners(http: SocketAddr, https: Option<SocketAddr>) -> Vec<ListenerSpec> {
    let plain = ListenerSpec { protocol: Protocol::Ws, address: http };
    let secure = https.map(|address| ListenerSpec { protocol: Protocol::Wss, address });
    [plain].into_iter().chain(secure).collect()
}

/// Everything that was loaded, as one change.
fn in_force(loaded: &Loaded) -> Arc<Delta> {
    let accounts = loaded.accounts.iter().map(|row| Change::Account(Arc::new(row.clone())));
    let domains = loaded.domains.iter().map(|row| Change::Domain(Arc::new(row.clone())));
    let connections = loaded.connections.iter().map(|row| Change::Connection(Arc::new(row.clone())));
    let numbers = loaded.numbers.iter().map(|row| Change::Number(Arc::new(row.clone())));
    let flows = loaded.flows.iter().map(|row| Change::CallFlow(Arc::new(row.clone())));
    let people = loaded.people.iter().map(|row| Change::Person(Arc::new(row.clone())));
    let mailboxes = loaded.mailboxes.iter().map(|row| Change::Mailbox(Arc::new(row.clone())));
    let limits = std::iter::once(Change::Limits(Arc::new(loaded.limits.clone())));
    let changes = accounts.chain(domains).chain(connections).chain(flows).chain(mailboxes);
    let changes = changes.chain(numbers).chain(people).chain(limits);
    Arc::new(Delta { revision: loaded.revision, changes: changes.collect() })
}

/// How we speak HTTP to addresses that users name.
fn outside(config: &Config, tls: &TlsSetup) -> Result<Outside, Failure> {
    let (trust, demand) = (Arc::clone(&tls.trust), Demand { verify: true, ca: None });
    let settings = trust.client(&demand);
    let settings = settings.map_err(|problem| Failure::Failed(format!("certificates: {problem}")))?;
    // Authorities come and go while the server runs.
    let current = move || trust.client(&demand).unwrap_or_else(|_| Arc::clone(&settings));
    Ok(Outside::new(Rule::new(config.http_allow.clone()), current))
}

/// Only one server at a time on a folder.
fn claim(data: &Path) -> Result<File, Failure> {
    let failed = |fault: std::io::Error| Failure::Failed(format!("--data {}: {fault}", data.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(failed)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(data.join("server.lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let folder = data.display();
            Err(Failure::Failed(format!(
                "a server runs on {folder} already; `trunkline status --data {folder}` asks it"
            )))
        }
        Err(TryLockError::Error(fault)) => Err(failed(fault)),
    }
}

fn about(
    config: &Config,
    http: SocketAddr,
    https: Option<SocketAddr>,
    call_path: &CallPath,
    tls: &TlsSetup,
    (keyring, passes, speech): (Arc<Keyring>, PassKey, Arc<Speech>),
) -> About {
    About {
        version: serve::VERSION,
        node: "main".to_owned(),
        data: config.data.clone(),
        base_domain: config.base_domain.clone(),
        sip: call_path.sip(),
        media_ports: (*config.media.ports.start(), *config.media.ports.end()),
        media: config.media.address,
        public_ip: config.media.public_ip,
        own_addresses: net::shard_loop::own_addresses(config.media.public_ip),
        http: [url(http)].into_iter().chain(https.map(secure_url)).collect(),
        shelf: Arc::clone(&tls.shelf),
        trust: Arc::clone(&tls.trust),
        keyring,
        passes,
        push_key: call_path.push_key().to_owned(),
        outside: Rule::new(config.http_allow.clone()),
        speech,
        sends_mail: config.smtp.is_some(),
        started_at: store::now(),
    }
}

/// An address a browser on this machine can open.
fn url(http: SocketAddr) -> String {
    if http.ip().is_unspecified() {
        format!("http://localhost:{}", http.port())
    } else {
        format!("http://{http}")
    }
}

/// The same under TLS.
fn secure_url(https: SocketAddr) -> String {
    url(https).replacen("http:", "https:", 1)
}

/// Delivers events to webhooks, and says so where one is given up.
fn deliver(store: &Store, call_path: &Arc<CallPath>, outside: Outside) -> JoinHandle<()> {
    let call_path = Arc::clone(call_path);
    Courier::start(store.clone(), outside, move |Disabled { webhook, reason }| {
        let account = webhook.account.as_ref().map_or("", |account| account.as_str()).into();
        let what = Happening::WebhookDisabled {
            webhook: webhook.id.into(),
            url: webhook.url.into(),
            reason: reason.into(),
        };
        call_path.announce(Event { at: store::now(), account, what });
    })
}

/// Sends e-mails about messages.
fn post(config: &Config, store: &Store, api: &Arc<Api>) -> Result<JoinHandle<()>, Failure> {
    let server = config.smtp.as_ref().map(|server| {
        let password = server.password.as_ref().map(|password| password.0.as_str());
        Smtp::new(&server.url, &server.from, password)
    });
    let server = server.transpose().map_err(|why| Failure::Failed(format!("--smtp: {why}")))?;
    let api = Arc::downgrade(api);
    Ok(Postman::start(store.clone(), server, move |id, at| {
        let api = api.upgrade()?;
        let mailbox = api.mailbox(id)?;
        let shown = mailroom::written_time(api.clock_of(&mailbox.account, at));
        Some((mailbox, shown))
    }))
}

/// Forgets what is past its retention, once an hour.
async fn prune(store: Store, mailroom: Arc<Mailroom>) {
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    loop {
        hours.tick().await;
        if let Err(fault) = store.prune(store::now()).await {
            tracing::error!(%fault, "old records could not be removed");
        }
        mailroom.prune(store::now()).await;
    }
}

fn report(ended: std::io::Result<()>) {
    if let Err(fault) = ended {
        tracing::error!(%fault, "the API is no longer served");
    }
}

fn failed(fault: StoreError) -> Failure {
    Failure::Failed(fault.to_string())
}
