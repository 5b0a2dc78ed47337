// What a launch configuration means for us: whether it wants a session, which one, and how its program gets it.

import type { Target } from './choice.ts';
import type { Injection, Wish } from './protocol.ts';

/** A launch configuration, whatever debugger it is for. */
export type Launch = { type: string; request: string; name: string } & Record<string, unknown>;

/** How a launch is to be treated. */
export type Treatment =
  | { kind: 'leave'; why?: string }
  /** Our debug adapter runs the debugger's own. */
  | { kind: 'proxy'; adapter: string | undefined }
  /** The debugger's extension starts the program, with the session's variables. */
  | { kind: 'environment' };

/** Our own debug type. */
export const TYPE = 'mirrord';

/** Key by which we find the session of a debug session again. */
export const SESSION_KEY = '__mirrordSession';

/** Types whose programs are browsers, or this editor. */
const NO_PROGRAM = /^(pwa-)?(chrome|msedge|extensionHost)$|^(editor-browser|firefox|node-terminal)$/;

/** Names of debug adapters of the server by the debug types of extensions that run the same ones, with the same keys. */
const ADAPTERS: Record<string, string> = {
  debugpy: 'debugpy',
  python: 'debugpy',
  go: 'dlv',
  lldb: 'codelldb',
  'lldb-dap': 'lldb-dap',
  node: 'js-debug',
  'pwa-node': 'js-debug',
};

/** Decides on a launch. `proxied` are the types that shall run through our debug adapter. */
export function treat(launch: Launch, on: boolean, proxied: readonly string[]): Treatment {
  // Child sessions belong to their parent's, which the server sees to; extensions mark theirs in their own way.
  if ('__pendingTargetId' in launch || '__parentId' in launch) return { kind: 'leave' };
  // What it attaches to is in a session already, or in none: the debug adapter knows.
  if (launch.type === TYPE) return launch.request === 'launch' ? { kind: 'proxy', adapter: undefined } : { kind: 'leave' };
  const own = launch['mirrord'];
  const wanted = own === undefined ? on : enabled(own);
  if (!wanted) return { kind: 'leave' };
  if (NO_PROGRAM.test(launch.type)) {
    return { kind: 'leave', why: `debuggers of type ${launch.type} start no program that could stand in for a pod` };
  }
  if (launch.request !== 'launch') {
    return { kind: 'leave', why: 'it attaches to a program that runs already; only a program that is started can get a session' };
  }
  const adapter = ADAPTERS[launch.type];
  if (proxied.includes(launch.type) && adapter !== undefined) return { kind: 'proxy', adapter };
  return { kind: 'environment' };
}

/** Whether the key `mirrord` of a launch asks for a session. */
export function enabled(own: unknown): boolean {
  return own !== false && (own as Wish | null)?.enabled !== false;
}

/** Whether a launch of our own type brings what it needs by itself: a child session, one that joins, or none at all. */
export function settled(own: unknown): boolean {
  return !enabled(own) || (own as Wish | null)?.session !== undefined;
}

/** The wish of a launch: what it says itself beats what was picked, which beats the configuration. */
export function wish(own: unknown, picked: Target | undefined, config: string | undefined): Wish {
  const written: Wish = typeof own === 'object' && own !== null ? own : {};
  const { path, namespace, context } = picked ?? {};
  return {
    ...(config === undefined ? {} : { config }),
    // A target of the launch's own is not looked for where the picked one is.
    ...(path === undefined || written.target !== undefined
      ? {}
      : { target: path, ...(namespace === undefined ? {} : { namespace }), ...(context === undefined ? {} : { context }) }),
    ...written,
  };
}

/** The launch with a session's variables, and remarks for the log on what its debugger cannot be told. */
export function patched(launch: Launch, { session, set, unset }: Injection): { launch: Launch; remarks: string[] } {
  const result: Launch = { ...launch, [SESSION_KEY]: session };
  delete result['mirrord'];
  const remarks: string[] = [];
  if (launch.type === 'java' && launch['console'] === 'internalConsole') {
    result['console'] = 'integratedTerminal';
    remarks.push('the Java debugger passes no variables on with "console": "internalConsole"; the program runs in the terminal');
  }
  const shape = SHAPES[launch.type] ?? PLAIN;
  result[shape.key] = shape.lay(launch[shape.key], set, unset);
  if (!shape.removes && unset.length > 0) {
    remarks.push(`debuggers of type ${launch.type} cannot remove variables; the program may see ${unset.join(', ')}`);
  }
  return { launch: result, remarks };
}

/** The variables that a launch sets itself, for the server to reckon with. */
export function variables(launch: Launch): Record<string, string | null> {
  const { key, read } = SHAPES[launch.type] ?? PLAIN;
  const ports = DEBUGGER_PORTS[launch.type];
  return { ...(ports === undefined ? {} : { MIRRORD_IGNORE_DEBUGGER_PORTS: ports }), ...read(launch[key]) };
}

/**
 * Loopback ports that debuggers make their programs listen on, for themselves. The editor's own for Node takes them from this range
 * when it runs on another machine than the window, and registers it as its own.
 */
const DEBUGGER_PORTS: Record<string, string> = { node: '53000-53999', 'pwa-node': '53000-53999' };

type Variables = Record<string, string>;

/** How a debugger takes its program's environment. */
interface Shape {
  key: string;
  /** Whether it can be told to remove a variable. */
  removes: boolean;
  lay(own: unknown, set: Variables, unset: readonly string[]): unknown;
  read(own: unknown): Record<string, string | null>;
}

function object(removes: boolean): Shape {
  return {
    key: 'env',
    removes,
    lay: (own, set, unset) => {
      const removed = removes ? Object.fromEntries(unset.map((name) => [name, null])) : {};
      return { ...asObject(own), ...set, ...removed };
    },
    read: (own) => {
      const texts = Object.entries(asObject(own)).filter(([, value]) => value !== undefined);
      return Object.fromEntries(texts.map(([name, value]) => [name, value === null ? null : String(value)]));
    },
  };
}

const PLAIN = object(false);

/** `NAME=VALUE`. */
const LIST: Shape = {
  key: 'env',
  removes: false,
  lay: (own, set) => Object.entries({ ...LIST.read(own), ...set }).map(([name, value]) => `${name}=${value}`),
  // Newer versions of the extension take an object, too.
  read: (own) => (Array.isArray(own) ? Object.fromEntries(own.map((entry) => split(String(entry)))) : PLAIN.read(own)),
};

/** `{ "name": …, "value": … }`. */
const PAIRS: Shape = {
  key: 'environment',
  removes: false,
  lay: (own, set) => Object.entries({ ...PAIRS.read(own), ...set }).map(([name, value]) => ({ name, value })),
  read: (own) => {
    const pairs: { name: string; value: unknown }[] = Array.isArray(own) ? own : [];
    return Object.fromEntries(pairs.map(({ name, value }) => [name, String(value)]));
  },
};

/** Debug types that are not content with an object of texts. Some would ignore it without a word. */
const SHAPES: Record<string, Shape> = {
  debugpy: object(true),
  python: object(true),
  node: object(true),
  'pwa-node': object(true),
  go: object(true),
  'lldb-dap': LIST,
  cppdbg: PAIRS,
  cppvsdbg: PAIRS,
};

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function split(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}
