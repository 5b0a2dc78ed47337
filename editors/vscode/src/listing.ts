// The list of targets as a picker shows it, as plain data.

import { same, inWords, type Target } from './choice.ts';
import type { AvailableTarget, Targets } from './protocol.ts';

/** What a line of the picker does. */
export type Act =
  | { kind: 'target'; target: Target; containers: string[] }
  | { kind: 'configured' }
  | { kind: 'off' };

/** A line of the picker, or a heading above lines. */
export type Entry =
  | { heading: string }
  | { label: string; description?: string; icon: string; act: Act };

/** What the list is made of. */
export interface Known {
  /** What the cluster has; nothing while it is asked. */
  listed: Targets | undefined;
  /** What the user has typed. */
  filter: string;
  /** Context that was chosen, other than the configuration's. */
  context: string | undefined;
  recent: readonly Target[];
  /** Whether launches run with mirrord now. */
  on: boolean;
  /** Target of the configuration, if it names one. */
  configured: string | undefined;
}

const ICONS: Record<string, string> = {
  deployment: 'layers',
  statefulset: 'database',
  pod: 'package',
  service: 'globe',
  job: 'play-circle',
  cronjob: 'clock',
  replicaset: 'copy',
  rollout: 'rocket',
};

/** The lines in their order: without a filter by kind, with one as the server has ranked them. */
export function entries({ listed, filter, context, recent, on, configured }: Known): Entry[] {
  const lines: Entry[] = [];
  if (filter === '') {
    if (on) lines.push({ label: 'Off', description: 'launches run without mirrord', icon: 'circle-slash', act: { kind: 'off' } });
    if (configured !== undefined) {
      lines.push({ label: 'Target of the configuration', description: configured, icon: 'file-code', act: { kind: 'configured' } });
    }
    if (recent.length > 0) lines.push({ heading: 'recent' });
    for (const target of recent) {
      lines.push({ label: target.path, description: inWords({ ...target, path: '' }).trim(), icon: 'history', act: { kind: 'target', target, containers: [] } });
    }
  }
  let kind = '';
  for (const available of listed?.targets ?? []) {
    const target = targetOf(available, listed, context);
    if (filter === '') {
      if (recent.some((other) => same(other, target))) continue;
      if (available.kind !== kind) lines.push({ heading: plural(available.kind) });
      kind = available.kind;
    }
    const containers = available.containers ?? [];
    lines.push({ label: available.path, description: state(available), icon: ICONS[available.kind] ?? 'symbol-object', act: { kind: 'target', target, containers } });
  }
  return lines;
}

function targetOf({ path, namespace }: AvailableTarget, listed: Targets | undefined, context: string | undefined): Target {
  const where = namespace ?? listed?.currentNamespace;
  return { path, ...(where ? { namespace: where } : {}), ...(context === undefined ? {} : { context }) };
}

function state({ available, ready, desired, containers = [] }: AvailableTarget): string {
  const known = typeof ready === 'number';
  const pods = known ? `${ready}${typeof desired === 'number' ? `/${desired}` : ''} ready` : '';
  const parts = [available ? pods : `not ready${known ? ` (${pods})` : ''}`, containers.length > 1 ? `${containers.length} containers` : ''];
  return parts.filter(Boolean).join(' · ');
}

function plural(kind: string): string {
  return kind.endsWith('s') ? kind : `${kind}s`;
}
