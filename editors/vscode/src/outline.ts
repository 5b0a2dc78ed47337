// The sessions as a tree of plain data, and what of it changes. Times are told roughly: a line that changes every second cannot
// be clicked.

import type { Session } from './protocol.ts';

/** One line of the tree. */
export interface Line {
  /** The same line of the next picture has the same one. */
  id: string;
  label: string;
  description?: string;
  tooltip?: string;
  /** Name of an icon of the editor. */
  icon?: string;
  /** The session that it is, for commands on it. */
  session?: string;
  children: Line[];
  /** Whether it shall be open at first. */
  open?: boolean;
}

const STARTED_BY = { editor: 'launched here', debug: 'debugged', terminal: 'in a terminal' };

/** All sessions, each with what it does. */
export function outline(sessions: readonly Session[]): Line[] {
  return sessions.map((session) => {
    const id = session.session;
    const { pod, container, namespace } = parts(session.target);
    return {
      id,
      label: pod === '' ? `session ${id}` : pod,
      description: [session.standing === true ? 'stands at a breakpoint' : session.state, container, age(session.seconds)].filter(Boolean).join(' · '),
      tooltip: tooltip(session, namespace),
      icon: session.standing === true ? 'debug-pause' : (ICONS[session.state] ?? 'question'),
      session: id,
      open: true,
      children: [ports(session), requests(session), connections(session), files(session), link(session)].filter((line) => line !== undefined),
    };
  });
}

const ICONS: Record<string, string> = {
  starting: 'loading~spin',
  connected: 'vm-active',
  degraded: 'warning',
  lost: 'error',
  stopped: 'vm-outline',
};

function ports({ session, ports = [] }: Session): Line | undefined {
  const lines = ports.map(({ port, local, mode }) => ({
    id: `${session}/port/${port}`,
    label: `port ${port}`,
    description: `${mode === 'steal' ? 'stolen' : 'mirrored'}, goes to ${local}`,
    icon: mode === 'steal' ? 'arrow-swap' : 'copy',
    children: [],
  }));
  return group(session, 'ports', 'Ports', String(lines.length), lines);
}

function requests({ session, requests = [] }: Session): Line | undefined {
  const lines = requests.map(({ port, peer, mode, secondsAgo, open }, index) => ({
    id: `${session}/request/${index}`,
    label: `${peer} → ${port}`,
    description: `${mode === 'steal' ? 'stolen' : 'mirrored'}, ${ago(secondsAgo)}${open === true ? ', open' : ''}`,
    icon: 'arrow-down',
    children: [],
  }));
  return group(session, 'requests', 'Requests', String(lines.length), lines);
}

function connections({ session, connections = [], moreConnections = 0 }: Session): Line | undefined {
  const lines = connections.map(({ remote, seconds }, index) => ({
    id: `${session}/connection/${index}`,
    label: remote,
    description: `open for ${age(seconds)}`,
    icon: 'arrow-up',
    children: [],
  }));
  return group(session, 'connections', 'Open connections', String(lines.length + moreConnections), lines);
}

function files({ session, files = [] }: Session): Line | undefined {
  const lines = files.map(({ path, writes, secondsAgo }, index) => ({
    id: `${session}/file/${index}`,
    label: path,
    description: `${writes === true ? 'written' : 'read'}, ${ago(secondsAgo)}`,
    icon: 'file',
    children: [],
  }));
  return group(session, 'files', 'Files of the pod', String(lines.length), lines);
}

function link({ session, roundTrips, latency, sentBytes, receivedBytes }: Session): Line | undefined {
  if (roundTrips === undefined) return undefined;
  const took = latency
    ? `, ${millis(latency.medianMicros)} each (99 of 100 within ${millis(latency.p99Micros)}, slowest ${millis(latency.slowestMicros)})`
    : '';
  const moved = sentBytes === undefined || receivedBytes === undefined ? '' : `${bytes(sentBytes)} sent, ${bytes(receivedBytes)} received`;
  return { id: `${session}/link`, label: 'Round trips', description: `${roundTrips}${took}`, icon: 'pulse', children: [], ...(moved === '' ? {} : { tooltip: moved }) };
}

function group(session: string, name: string, label: string, description: string, children: Line[]): Line | undefined {
  return children.length === 0 ? undefined : { id: `${session}/${name}`, label, description, children, open: name === 'ports' };
}

function tooltip({ session, by, pid, reason, programs }: Session, namespace: string): string {
  return [
    `Session ${session}${namespace === '' ? '' : ` in namespace ${namespace}`}`,
    by === undefined ? '' : `${STARTED_BY[by] ?? by}${pid ? ` (process ${pid})` : ''}`,
    reason ?? '',
    programs === undefined ? '' : `${programs} ${programs === 1 ? 'process has' : 'processes have'} joined`,
  ].filter(Boolean).join('\n');
}

/** `pod/x/container/c in namespace n`, as far as it is that. */
function parts(target: string): { pod: string; container: string; namespace: string } {
  const { pod = target, container = '', namespace = '' } = /^(?<pod>.*?)(\/container\/(?<container>\S+))?( in namespace (?<namespace>.*))?$/.exec(target)?.groups ?? {};
  return { pod, container, namespace };
}

function millis(micros: number): string {
  return `${(micros / 1000).toFixed(1)} ms`;
}

function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  return count < 1024 * 1024 ? `${(count / 1024).toFixed(0)} KiB` : `${(count / 1024 / 1024).toFixed(1)} MiB`;
}

function ago(seconds: number): string {
  return seconds < 10 ? 'just now' : `${age(seconds)} ago`;
}

function age(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  if (seconds < 60) return 'less than a minute';
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

/** What has to be drawn anew: everything, or the lines named, with what is below them. */
export type Changes = 'all' | Line[];

/** Makes `known` what `fresh` is. Lines that stay keep their identity, by which the editor knows them. */
export function update(known: Line[], fresh: readonly Line[]): Changes {
  const changed: Line[] = [];
  return take(known, fresh, changed) ? changed : 'all';
}

/** What a line shows, beside those below it. */
const SHOWN = ['label', 'description', 'tooltip', 'icon', 'session', 'open'] as const;

/** Whether the same lines stand there as before; those that differ are added to `changed`. */
function take(known: Line[], fresh: readonly Line[], changed: Line[]): boolean {
  const before = known.map(({ id }) => id).join('\n');
  const byId = new Map(known.map((line) => [line.id, line]));
  const lines = fresh.map((line) => {
    const old = byId.get(line.id);
    if (old === undefined) return line;
    const differs = SHOWN.some((key) => old[key] !== line[key]);
    const { children: kept } = old;
    const below: Line[] = [];
    const same = take(kept, line.children, below);
    for (const key of SHOWN) Object.assign(old, { [key]: line[key] });
    if (!same || differs) changed.push(old);
    else changed.push(...below);
    return old;
  });
  known.splice(0, known.length, ...lines);
  return before === lines.map(({ id }) => id).join('\n');
}
