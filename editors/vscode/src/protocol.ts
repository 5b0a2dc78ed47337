// What the server's own methods say; ../../PROTOCOL.md is their documentation. Fields may be missing with another version.

/** Where targets are looked for; what is left out is taken from the kubeconfig. */
export interface Place {
  namespace?: string;
  context?: string;
  kubeconfig?: string;
}

/** Parameters of `mirrord/targets`. */
export interface TargetsQuery extends Place {
  filter?: string;
  limit?: number;
}

/** One target that could be stood in for. */
export interface AvailableTarget {
  path: string;
  namespace?: string | null;
  kind: string;
  available: boolean;
  ready?: number | null;
  desired?: number | null;
  containers?: string[];
}

/** Result of `mirrord/targets`. */
export interface Targets {
  targets: AvailableTarget[];
  total: number;
  nextCursor?: string;
  namespaces?: string[] | null;
  contexts?: string[] | null;
  currentNamespace?: string | null;
  context?: string | null;
}

/** The key `mirrord` of a launch. */
export interface Wish {
  config?: string | object;
  target?: string;
  namespace?: string;
  context?: string;
  key?: string;
  enabled?: boolean;
  session?: string;
}

/** Parameters of `mirrord/start`. */
export interface Start {
  mirrord: Wish;
  cwd?: string;
  env: Record<string, string | null>;
  /** A process that starts debug adapters. */
  debugger?: number;
  workDoneToken?: string;
}

/** Result of `mirrord/start`. */
export interface Injection {
  session: string;
  target: string;
  set: Record<string, string>;
  unset: string[];
  launcher?: string[];
}

/** One session of `mirrord/sessions`. */
export interface Session {
  session: string;
  by?: 'editor' | 'debug' | 'terminal';
  pid?: number | null;
  target: string;
  state: string;
  reason?: string | null;
  standing?: boolean;
  seconds?: number;
  programs?: number;
  sentBytes?: number;
  receivedBytes?: number;
  roundTrips?: number;
  latency?: { medianMicros: number; p99Micros: number; slowestMicros: number } | null;
  ports?: { port: number; local: string; mode: string }[];
  requests?: { port: number; peer: string; mode: string; secondsAgo: number; open?: boolean }[];
  connections?: { remote: string; seconds: number }[];
  moreConnections?: number;
  files?: { path: string; writes?: boolean; secondsAgo: number; times?: number }[];
}

/** Parameters of the notification `mirrord/event`. */
export interface Event {
  session?: string;
  kind: string;
  state?: string;
  text?: string;
  context?: string;
}

/** Result of `mirrord/config`, as far as we look at it. */
export interface ResolvedConfig {
  config: {
    target?: { path?: string | null; namespace?: string | null } | null;
    kube_context?: string | null;
    kubeconfig?: string | null;
  } | null;
  /** Who wrote each key that is no default, by its pointer. */
  origins?: Record<string, string>;
}
