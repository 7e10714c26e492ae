//! What the command line does on the data folder itself, with the server running or not.

use std::path::Path;
use std::time::Duration;

use store::{Actor, NewKey, Seed, Store, StoreError};

use crate::client;
use crate::config::raw::Raw;
use crate::config::resolved::Config;
use crate::failure::Failure;

/// Whether a server answers on the folder's socket.
pub(crate) fn answers(data: &Path) -> bool {
    let near = client::within_reach(&data.join(client::SOCKET));
    near.is_ok_and(|near| std::os::unix::net::UnixStream::connect(near.path()).is_ok())
}

/// A new key of the API, made in the folder.
pub(crate) fn create_key(
    data: &Path,
    name: &str,
    scopes: &[String],
    expires: Option<u64>,
) -> Result<String, Failure> {
    let new = NewKey {
        name: name.to_owned(),
        account: None,
        scopes: scopes.to_vec(),
        expires_at: expires.map(|seconds| store::now() + Duration::from_secs(seconds)),
    };
    in_store(&configuration(data)?, async |store| Ok(store.create_key(&Actor::system(), new).await?.1))
}

/// A new set-up token, put into the file `setup-link` as a link to `base`; none if the installation has an owner.
pub(crate) fn create_setup_link(data: &Path, base: Option<String>) -> Result<Option<String>, Failure> {
    let config = configuration(data)?;
    let base = base.unwrap_or_else(|| format!("http://{}/", config.http));
    in_store(&config, async |store| setup_link(store, &base).await)
}

/// The link that claims the installation; none if it has an owner.
pub(crate) async fn setup_link(store: &Store, base: &str) -> Result<Option<String>, StoreError> {
    if store.has_admin().await? {
        return Ok(None);
    }
    let link = format!("{base}#setup={}", store.create_setup_token().await?);
    store.write_setup_link(&link)?;
    Ok(Some(link))
}

/// What the server on this folder would start with, as far as the file and the environment say.
fn configuration(data: &Path) -> Result<Config, Failure> {
    Ok(crate::config::find(data, None, &Raw::default())?.resolve()?)
}

/// How a folder that is new gets its first rows.
pub(crate) fn seed(config: &Config) -> Seed<'_> {
    Seed { base_domain: &config.base_domain, country: config.country.as_deref() }
}

fn in_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Store) -> Result<T, StoreError>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|fault| Failure::Failed(format!("no event loop: {fault}")))?;
    let done = runtime.block_on(async {
        let store = Store::open_with(&config.data, seed(config)).await?;
        let done = work(&store).await;
        store.close().await;
        done
    });
    done.map_err(|fault: StoreError| Failure::Failed(fault.to_string()))
}
