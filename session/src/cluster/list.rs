//! Many objects of one kind: listed page by page, then watched.

use std::time::Duration;

use futures::Stream;
use http::{HeaderValue, Request, header};
use kube::core::WatchEvent;
use serde::de::DeserializeOwned;

use super::{Call, Cluster, ClusterError, call::plain};

/// Objects in one page of a list: what kubectl asks for as well.
const PAGE: usize = 500;
/// How long the API server may keep one watch; what kubectl's own libraries ask for is between 5 and 10 minutes.
const WATCH: Duration = Duration::from_mins(5);

/// How much of each object is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// All of it.
    Whole,
    /// Its metadata.
    Metadata,
}

#[derive(serde::Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    /// `null` where the metadata of nothing is listed.
    #[serde(default = "Option::default")]
    items: Option<Vec<T>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageMeta {
    r#continue: Option<String>,
    resource_version: String,
}

impl Cluster {
    /// All objects of a list.
    pub(crate) async fn all<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Vec<T>, ClusterError> {
        self.list(call, Form::Whole).await
    }

    /// All objects of a list, without what they hold but their metadata.
    pub(crate) async fn all_metadata<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Vec<T>, ClusterError> {
        self.list(call, Form::Metadata).await
    }

    async fn list<T: DeserializeOwned>(&self, call: &Call<'_>, form: Form) -> Result<Vec<T>, ClusterError> {
        let mut items = Vec::new();
        self.pages(call, form, usize::MAX, |page| items.extend(page)).await?;
        Ok(items)
    }

    /// Hands over the objects of a list page by page, `most` of them or one page more; gives the version that a watch
    /// goes on from.
    ///
    /// No `resourceVersion=0`: from its cache the API server answers with everything at once, whatever the limit, and
    /// ten thousand pods are twenty megabytes.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        form: Form,
        most: usize,
        mut hear: impl FnMut(Vec<T>),
    ) -> Result<String, ClusterError> {
        let call = call.clone().with("limit", &PAGE.min(most).to_string());
        let (mut count, mut next) = (0, None::<String>);
        loop {
            let page = match &next {
                None => call.clone(),
                Some(token) => call.clone().with("continue", token),
            };
            let request = accepting(plain(&page), form, "List");
            let Page { metadata, items } = self.limited(&call, self.client().request(request)).await?;
            let items = items.unwrap_or_default();
            count += items.len();
            hear(items);
            next = metadata.r#continue.filter(|token| !token.is_empty() && count < most);
            if next.is_none() {
                return Ok(metadata.resource_version);
            }
        }
    }

    /// What happens to the objects of a list after `version`. Ends now and then; the last version leads on.
    pub(crate) async fn watch<T: DeserializeOwned + Clone + Send + 'static>(
        &self,
        call: &Call<'_>,
        form: Form,
        version: &str,
    ) -> Result<impl Stream<Item = kube::Result<WatchEvent<T>>> + Send + use<T>, ClusterError> {
        let mut call = call.clone();
        call.verb = "watch";
        let call = call
            .with("watch", "1")
            .with("allowWatchBookmarks", "true")
            .with("timeoutSeconds", &WATCH.as_secs().to_string())
            .with("resourceVersion", version);
        let request = accepting(plain(&call), form, "");
        self.limited(&call, self.client().request_events::<T>(request)).await
    }
}

fn accepting(mut request: Request<Vec<u8>>, form: Form, list: &str) -> Request<Vec<u8>> {
    let form = match form {
        Form::Whole => "application/json".to_owned(),
        Form::Metadata => format!("application/json;as=PartialObjectMetadata{list};v=v1;g=meta.k8s.io"),
    };
    let form = HeaderValue::try_from(form).expect("media types are header values");
    request.headers_mut().insert(header::ACCEPT, form);
    request
}
