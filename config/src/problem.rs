//! Something wrong with what the user wrote: where, what, and how to repair it.

use crate::document::{Span, line_column};

/// One mistake.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// Which rule; stable across versions.
    pub code: Code,
    /// JSON pointer of the key; empty for the whole document.
    pub pointer: String,
    /// Bytes of the source; empty at 0 when the mistake stands in no file (a variable, a flag).
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// The likely cause or the next act.
    pub help: Option<String>,
    /// Edits that repair it, where they are certain enough to be offered.
    pub fix: Option<Fix>,
}

/// How bad a problem is. Only errors stop a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably does not do what was meant.
    Warning,
    /// Worth knowing.
    Hint,
}

/// A repair: edits of the source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in the imperative.
    pub title: String,
    /// The edits; they do not overlap.
    pub edits: Vec<Edit>,
}

/// Replaces the bytes at `span` by `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What goes.
    pub span: Span,
    /// What comes.
    pub text: String,
}

/// Declares [`Code`] with its meaning, printed name and severity, so that each rule is listed once.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $variant:ident $name:literal $severity:ident;)*) => {
        /// Which rule was broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $meaning])+ $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The printed name.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// How bad a problem of this code is, unless it says otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// When it is raised, in a sentence or two.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$variant => concat!($($meaning),+).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// The file's name ends in something that is not read.
    FileExtension "file-extension" Error;
    /// The text does not parse.
    Syntax "syntax" Error;
    /// A template cannot be rendered.
    Template "template" Error;
    /// The key is not in the language.
    UnknownKey "unknown-key" Error;
    /// The key was in the language once.
    RemovedKey "removed-key" Error;
    /// The key stands twice in one mapping.
    DuplicateKey "duplicate-key" Error;
    /// The key is accepted and never does anything here.
    NoEffect "no-effect" Hint;
    /// Another key has taken its place.
    DeprecatedKey "deprecated-key" Warning;
    /// The key may change or go in any version.
    UnstableKey "unstable-key" Warning;
    /// The value has a type that the key does not take.
    WrongType "wrong-type" Error;
    /// The value is not among those that the key takes.
    BadValue "bad-value" Error;
    /// A key that must be there is absent.
    MissingKey "missing-key" Error;
    /// Keys that cannot stand together.
    ExclusiveKeys "exclusive-keys" Error;
    /// An environment variable or a flag has a value that its key does not take.
    BadVariable "bad-variable" Error;
    /// A profile of the cluster changed the configuration.
    ProfileApplied "profile-applied" Warning;
    /// A regular expression does not compile.
    BadRegex "bad-regex" Error;
    /// A JSONPath does not compile.
    BadJsonPath "bad-jsonpath" Error;
    /// A jq program does not compile.
    BadJq "bad-jq" Error;
    /// A target path is outside the grammar.
    TargetSyntax "target-syntax" Error;
    /// A target's object form names more than one thing.
    TargetSeveral "target-several" Error;
    /// A label target has no label.
    LabelEmpty "label-empty" Error;
    /// A label target stands beside something that needs a single workload.
    LabelWith "label-with" Error;
    /// No target, and incoming traffic to steal.
    TargetlessSteal "targetless-steal" Error;
    /// No target, and an ephemeral agent asked for.
    TargetlessEphemeral "targetless-ephemeral" Error;
    /// No target, and a copy of it asked for.
    TargetlessCopy "targetless-copy" Error;
    /// A copy of the target is asked for, which is the operator's work, and the operator is refused.
    CopyWithoutOperator "copy-without-operator" Error;
    /// A service has no pod that could be copied.
    CopyService "copy-service" Error;
    /// A copy of the target whose traffic is not stolen.
    CopyWithoutSteal "copy-without-steal" Warning;
    /// The key needs the operator.
    OperatorKey "operator-key" Warning;
    /// More than one HTTP filter.
    FilterSeveral "filter-several" Error;
    /// A filter that says nothing.
    FilterEmpty "filter-empty" Error;
    /// Ports both listed and ignored.
    PortsBoth "ports-both" Error;
    /// A port stands twice in a list of pairs.
    PortTwice "port-twice" Error;
    /// A port is mapped to itself.
    PortIdentity "port-identity" Warning;
    /// Both names of the delivery of TLS are present.
    TlsBoth "tls-both" Error;
    /// Whom to trust is said twice, or not at all.
    TlsRoots "tls-roots" Error;
    /// The name to ask a TLS server for is neither a DNS name nor an address.
    TlsName "tls-name" Error;
    /// An outgoing or dns filter entry is malformed.
    NetFilterSyntax "net-filter-syntax" Error;
    /// Both sides of one filter are present.
    NetFilterBoth "net-filter-both" Error;
    /// Outgoing filter by remote name while dns is off.
    OutgoingRemoteNoDns "outgoing-remote-no-dns" Warning;
    /// A dns filter that can never apply.
    DnsFilterUnused "dns-filter-unused" Warning;
    /// A name stands on different sides of the outgoing and the dns filter.
    NetFilterSides "net-filter-sides" Warning;
    /// Environment variables both included and excluded.
    EnvBoth "env-both" Error;
    /// A variable has a fixed value, and is to lead to the branch of a database.
    EnvOverrideBranch "env-override-branch" Error;
    /// A pattern imports variables that are excluded by default.
    EnvBringsBack "env-brings-back" Hint;
    /// A broker of message queues that is not known.
    QueueType "queue-type" Error;
    /// The description of protobuf payloads is unusable.
    QueueProtobuf "queue-protobuf" Error;
    /// The read-ahead buffer is large.
    BufferSize "buffer-size" Warning;
    /// The shortest pause between retries is longer than the longest one, which must not be zero.
    RetryRange "retry-range" Error;
    /// The agent's namespace is written and not used.
    AgentNamespaceUnused "agent-namespace-unused" Warning;
    /// The agent image speaks another protocol.
    AgentImageForeign "agent-image-foreign" Warning;
    /// The kubeconfig has no such context. Only where a cluster is looked at, like those that follow.
    ContextMissing "context-missing" Error;
    /// The cluster has no such namespace.
    NamespaceMissing "namespace-missing" Error;
    /// The cluster has no such target.
    TargetMissing "target-missing" Error;
    /// The target has no pod that could be stood in for.
    TargetUnavailable "target-unavailable" Warning;
    /// The target's pod has no such container.
    ContainerMissing "container-missing" Error;
    /// The container does not declare the port.
    PortUndeclared "port-undeclared" Warning;
    /// The user may not do what a session needs.
    PermissionMissing "permission-missing" Warning;
    /// Several pods stand behind the target.
    SeveralPods "several-pods" Hint;
    /// Probes of the pod would be stolen.
    StealsProbes "steals-probes" Warning;
}

impl Code {
    /// Its place in the manual.
    pub fn anchor(self) -> String {
        format!("problem-{}", self.as_str())
    }

    /// Its place in the manual, from the root of the repository: `docs/configuration.md#problem-bad-regex`.
    pub fn link(self) -> String {
        format!("{}#{}", crate::manual::PATH, self.anchor())
    }
}

impl Problem {
    /// A problem of the code's own severity.
    pub fn new(code: Code, pointer: impl Into<String>, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity(),
            code,
            pointer: pointer.into(),
            span,
            message: message.into(),
            help: None,
            fix: None,
        }
    }

    /// With a likely cause or next act.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a repair of one edit.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { title: title.into(), edits: vec![Edit { span, text: text.into() }] });
        self
    }

    /// With a repair, where there is one.
    #[must_use]
    pub fn repair(mut self, title: impl Into<String>, edits: Option<Vec<Edit>>) -> Self {
        self.fix = edits.map(|edits| Fix { title: title.into(), edits }).or(self.fix);
        self
    }

    /// One line for a terminal, for example
    /// ``.mirrord/mirrord.json:4:5: error[unknown-key] /feature/networ: unknown key; did you mean `network`?``
    ///
    /// `name` and `text` are those of the source that was loaded.
    pub fn render(&self, name: &str, text: &str) -> String {
        let (line, column) = line_column(text, self.span.start);
        let Self { severity, code, pointer, span: _, message, help, fix: _ } = self;
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Hint => "hint",
        };
        let code = code.as_str();
        let place = if pointer.is_empty() { String::new() } else { format!(" {pointer}") };
        let help = help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{name}:{line}:{column}: {severity}[{code}]{place}: {message}{help}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn codes_have_a_meaning_of_one_line() {
        assert_eq!(Code::PortTwice.meaning(), "A port stands twice in a list of pairs.");
        assert!(Code::ALL.iter().all(|code| code.meaning().ends_with('.') && !code.meaning().contains('\n')));
    }

    #[test]
    fn render_says_place_rule_and_repair_in_one_line() {
        let text = "{\n  \"feature\": {\n    \"x\": 1,\n    \"networ\": true\n  }\n}";
        let start = text.find("\"networ").expect("is there");
        let problem = Problem::new(Code::UnknownKey, "/feature/networ", Span::new(start, start + 8), "unknown key")
            .help("did you mean `network`?");
        assert_eq!(
            problem.render(".mirrord/mirrord.json", text),
            ".mirrord/mirrord.json:4:5: error[unknown-key] /feature/networ: unknown key; did you mean `network`?"
        );
    }
}
