// What the user has chosen: whether launches run with mirrord, and in whose place.

/** A target that the user picked. */
export interface Target {
  /** As in `target.path` of the configuration. */
  path: string;
  namespace?: string;
  /** Context of the kubeconfig; without one the configuration's counts, or the kubeconfig's own. */
  context?: string;
}

/** The user's choice, one for each workspace. */
export interface Choice {
  on: boolean;
  /** Without one, that of the configuration counts. */
  target?: Target;
  /** Picked before, the last first. */
  recent: Target[];
}

/** Targets that are remembered: more than one screen of them helps nobody. */
const RECENT_LIMIT = 5;

/** Nothing was chosen yet: no launch is touched. */
export const NOTHING: Choice = { on: false, recent: [] };

/** Launches run in place of this target from now on. */
export function pick({ recent }: Choice, target: Target): Choice {
  const others = recent.filter((other) => !same(other, target));
  return { on: true, target, recent: [target, ...others].slice(0, RECENT_LIMIT) };
}

/** Launches run in place of what the configuration says from now on. */
export function asConfigured({ recent }: Choice): Choice {
  return { on: true, recent };
}

/** Whether both name the same. */
export function same(one: Target, other: Target): boolean {
  return one.path === other.path && one.namespace === other.namespace && one.context === other.context;
}

/** The target in words: `deployment/api in shop, context kind`. */
export function inWords({ path, namespace, context }: Target): string {
  const where = namespace === undefined ? '' : ` in ${namespace}`;
  return path + where + (context === undefined ? '' : `, context ${context}`);
}

/** What the status bar says: short, since it is always there. */
export function label({ on, target }: Choice): string {
  if (!on) return 'mirrord: off';
  return target === undefined ? 'mirrord: on' : `mirrord: ${target.path}`;
}
