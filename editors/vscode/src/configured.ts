// What a configuration says of the target, whatever it is written in.

import type { Place, ResolvedConfig } from './protocol.ts';

/** A configuration as far as a picker and a launch have to know it. */
export interface Configured {
  /** The target that it names; none where it leaves that open. */
  target: string | undefined;
  /** Where it looks for targets. */
  place: Place;
}

/** Nothing while the configuration has errors, which the editor shows. */
export function configured({ config, origins }: ResolvedConfig): Configured | undefined {
  if (config === null) return undefined;
  const { target, kube_context: context, kubeconfig } = config;
  // Without a target the server says `targetless`, as if somebody had written it.
  const open = !target?.path || (target.path === 'targetless' && origins?.['/target/path'] === undefined);
  const place: Place = {};
  if (target?.namespace) place.namespace = target.namespace;
  if (context) place.context = context;
  if (kubeconfig) place.kubeconfig = kubeconfig;
  return { target: open ? undefined : (target?.path ?? undefined), place };
}
