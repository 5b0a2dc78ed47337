//! The whole cache against an API server that follows a script.

mod api;

use api::{Answer, Api, event, list, object};
use serde_json::json;

use super::*;

const PODS: &str = "/api/v1/namespaces/shop/pods";

fn live(api: &Api) -> Live {
    live_at(api, Pace::default())
}

fn live_at(api: &Api, pace: Pace) -> Live {
    let environment = BTreeMap::from([("KUBECONFIG".to_owned(), api.kubeconfig().display().to_string())]);
    Live::new(LiveOptions { environment, pace })
}

/// Waits until the view is as wanted.
async fn until(live: &Live, scope: &Scope, wanted: impl Fn(&View) -> bool) -> View {
    let mut changes = live.changes();
    let search = async {
        loop {
            changes.mark_unchanged();
            let view = live.view(scope);
            if wanted(&view) {
                return view;
            }
            changes.changed().await.expect("the cache lives");
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), search).await;
    found.unwrap_or_else(|_| panic!("still {:#?}", live.view(scope)))
}

fn names(view: &View) -> Vec<String> {
    let items = view.targets.iter().flat_map(|targets| targets.iter());
    items.map(|item| format!("{}/{}", item.kind, item.name)).collect()
}

#[tokio::test]
async fn a_first_view_knows_nothing_and_the_next_one_all() {
    let api = Api::new(|url, _| match url.split('?').next()? {
        "/api/v1/namespaces" if !url.contains("watch=1") => Some(list(&["web", "shop"])),
        PODS if !url.contains("watch=1") => Some(list(&["b", "a"])),
        "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts" => Some(Answer::Refusal(404)),
        _ => None,
    })
    .await;
    let live = live(&api);
    let scope = Scope { target: Some("rollout/x".into()), ..Scope::default() };
    assert_eq!(live.view(&scope), View { state: State::Loading, ..View::default() });
    let view = live.view_within(&scope, Duration::from_secs(20)).await;
    assert_eq!(
        (&view.state, view.context.as_deref(), view.namespace.as_deref()),
        (&State::Ready, Some("c"), Some("shop"))
    );
    assert_eq!(view.namespaces.as_deref(), Some(&["shop".to_owned(), "web".to_owned()][..]));
    assert_eq!(names(&view), ["pod/a", "pod/b"]);
    assert!(view.target_missing, "a kind that is not installed has no objects");
    let denied = until(&live, &scope, |view| view.denied.is_some()).await.denied;
    assert_eq!(denied.as_deref(), Some(&[][..]));
}

#[tokio::test]
async fn lists_come_in_pages_and_versions_that_are_too_old_are_listed_anew() {
    let page = |next: &str, name| json!({ "metadata": { "resourceVersion": "10", "continue": next }, "items": [object(name)] });
    let gone = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "message": "too old",
                       "reason": "Expired" });
    let api = Api::new(move |url, before| match url.split('?').next()? {
        PODS if url.contains("watch=1") => Some(match before {
            0 => Answer::Events(vec![event("ADDED", &object("c")), event("ERROR", &gone)]),
            1 => Answer::Refusal(410),
            _ => Answer::Events(vec![event("DELETED", &object("e"))]),
        }),
        PODS if url.contains("continue=next") => Some(Answer::Object(page("", "b"))),
        PODS => Some(match before {
            0 => Answer::Object(page("next", "a")),
            // The second page was the second question.
            2 => list(&["d", "e"]),
            _ => list(&["e", "f"]),
        }),
        _ => None,
    })
    .await;
    let live = live(&api);
    let view = until(&live, &Scope::default(), |view| names(view) == ["pod/f"]).await;
    assert_eq!(view.state, State::Ready);
    let versions: Vec<_> = api
        .asked("pods?watch")
        .iter()
        .filter_map(|url| Some(url.split_once("resourceVersion=")?.1.to_owned()))
        .collect();
    assert_eq!(versions, ["10", "10", "10"]);
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_from_its_bookmark() {
    let bookmark = json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "resourceVersion": "77" } });
    let api = Api::new(move |url, before| match url.split('?').next()? {
        PODS if url.contains("watch=1") && before == 0 => Some(Answer::End(vec![event("BOOKMARK", &bookmark)])),
        PODS if url.contains("watch=1") => Some(Answer::Events(vec![event("ADDED", &object("late"))])),
        _ => None,
    })
    .await;
    let live = live(&api);
    until(&live, &Scope::default(), |view| names(view) == ["pod/late"]).await;
    assert_eq!(api.asked("pods?limit").len(), 1, "listed once");
    assert_eq!(api.asked("resourceVersion=77").len(), 1);
}

#[tokio::test]
async fn a_watch_that_says_nothing_for_too_long_is_made_anew() {
    let api = Api::new(|url, before| match url.split('?').next()? {
        PODS if url.contains("watch=1") && before > 0 => Some(Answer::Events(vec![event("ADDED", &object("late"))])),
        _ => None,
    })
    .await;
    let live = live_at(&api, Pace { silence: Duration::from_millis(50), ..Pace::default() });
    until(&live, &Scope::default(), |view| names(view) == ["pod/late"]).await;
    assert_eq!(api.asked("pods?limit").len(), 1, "listed once");
}

#[tokio::test]
async fn a_target_is_described_with_what_its_pods_refer_to() {
    let labels = json!({ "app": "x" });
    let deployment = json!({ "metadata": { "name": "x", "resourceVersion": "5" },
                             "spec": { "replicas": 1, "selector": { "matchLabels": labels } } });
    let pod = json!({
        "metadata": { "name": "x-1", "resourceVersion": "6", "labels": labels },
        "spec": { "containers": [{ "name": "app", "envFrom": [{ "configMapRef": { "name": "settings" } },
                                                              { "secretRef": { "name": "keys" } }] }] } });
    let whole = |object: &serde_json::Value| {
        Answer::Object(json!({ "metadata": { "resourceVersion": "10" }, "items": [object] }))
    };
    let api = Api::new(move |url, _| match url.split('?').next()? {
        _ if url.contains("watch=1") => None,
        "/apis/apps/v1/namespaces/shop/deployments" => Some(whole(&deployment)),
        PODS if url.contains("labelSelector=app%3Dx") => Some(whole(&pod)),
        "/api/v1/namespaces/shop/configmaps/settings" => Some(Answer::Object(json!({ "data": { "COLOR": "blue" } }))),
        _ => None,
    })
    .await;
    let live = live(&api);
    let scope = Scope { target: Some("deployment/x".into()), ..Scope::default() };
    let named = |view: &View| view.target.as_ref().is_some_and(|detail| !detail.containers[0].env.is_empty());
    let detail = until(&live, &scope, named).await.target.expect("it was there");
    assert_eq!(detail.containers[0].env, BTreeMap::from([("COLOR".to_owned(), "configmap/settings".to_owned())]));
    assert_eq!(detail.containers[0].env_unlisted, ["secret/keys"]);
    assert_eq!(api.asked("/secrets").len(), 0, "secrets are never read");
}

#[tokio::test]
async fn what_may_not_be_seen_is_not_known_and_no_failure() {
    let api = Api::new(|url, _| match url.split('?').next()? {
        "/api/v1/namespaces" | "/apis/apps/v1/namespaces/shop/deployments" => Some(Answer::Refusal(403)),
        PODS if !url.contains("watch=1") => Some(list(&["a"])),
        _ => None,
    })
    .await;
    let live = live(&api);
    let scope = Scope { target: Some("deployment/x".into()), ..Scope::default() };
    let view = until(&live, &scope, |view| view.state == State::Ready).await;
    assert_eq!((view.namespaces, view.target_missing, view.target), (None, false, None));
    assert_eq!(names(&live.view(&scope)), ["pod/a"]);
}

#[tokio::test]
async fn a_list_that_fails_again_and_again_is_told_and_recovers() {
    let api = Api::new(|url, before| match url.split('?').next()? {
        PODS if !url.contains("watch=1") && before < 3 => Some(Answer::Refusal(500)),
        PODS if !url.contains("watch=1") => Some(list(&["a"])),
        _ => None,
    })
    .await;
    let live = live(&api);
    let failed = until(&live, &Scope::default(), |view| matches!(view.state, State::Failed(_))).await;
    let State::Failed(why) = failed.state else { panic!("it was one") };
    assert!(why.contains("list pods in namespace `shop`") && why.contains("500"), "{why}");
    until(&live, &Scope::default(), |view| view.state == State::Ready && names(view) == ["pod/a"]).await;
}

#[tokio::test]
async fn namespaces_that_are_not_there_are_not_watched() {
    let api = Api::new(|url, _| match url.split('?').next()? {
        "/api/v1/namespaces" if !url.contains("watch=1") => Some(list(&["shop"])),
        _ => None,
    })
    .await;
    let live = live(&api);
    until(&live, &Scope::default(), |view| view.state == State::Ready).await;
    for typed in ["s", "sh", "sho"] {
        let view = live.view(&Scope { namespace: Some(typed.into()), ..Scope::default() });
        assert_eq!((&view.state, view.targets), (&State::Ready, None));
    }
    until(&live, &Scope::default(), |view| view.denied.is_some()).await;
    assert_eq!(api.asked("/namespaces/sh/").len() + api.asked("/namespaces/sho/").len(), 0);
}

#[tokio::test]
async fn all_work_ends_with_the_last_handle() {
    let api = Api::new(|_, _| None).await;
    let live = live(&api);
    let other = live.clone();
    until(&live, &Scope::default(), |view| view.state == State::Ready).await;
    drop(live);
    assert_eq!(other.view(&Scope::default()).state, State::Ready);
    assert!(api.connections() >= 8, "one for each watch");
    drop(other);
    let ended = async {
        while api.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.expect("connections end");
}

#[tokio::test]
async fn an_unknown_context_is_told_with_those_that_there_are() {
    let api = Api::new(|_, _| None).await;
    let live = live(&api);
    let scope = Scope { context: Some("cc".into()), ..Scope::default() };
    let view = until(&live, &scope, |view| view.state != State::Loading).await;
    let why = "the kubeconfig has no context `cc`; did you mean `c`?".to_owned();
    assert_eq!((view.state, view.contexts.as_deref()), (State::Failed(why), Some(&["c".to_owned()][..])));
    assert_eq!(api.connections(), 0, "nobody was asked");
}
