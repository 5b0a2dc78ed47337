// The picker of targets. Escape leaves everything as it was.

import * as vscode from 'vscode';

import type { Choice, Target } from './choice.ts';
import type { Configured } from './configured.ts';
import { entries, type Act } from './listing.ts';
import type { Place, Targets } from './protocol.ts';
import { reason, type Server } from './server.ts';

/** How long typing may pause before the server is asked, in milliseconds. */
const PAUSE = 80;

/** Targets that are shown at a time; more are found by typing. */
const LIMIT = 300;

/** What was picked: a target, that of the configuration, or no mirrord at all. */
export type Picked = { kind: 'target'; target: Target } | { kind: 'configured' } | { kind: 'off' };

type Item = vscode.QuickPickItem & { act?: Act };
type Answer = Act | { kind: 'namespace' | 'context'; listed: Targets | undefined } | undefined;

/** Lets the user pick. `config` is what the configuration says; a choice in a launch cannot be `off`. */
export async function pick(server: Server, choice: Choice, config: Configured | undefined, launching: boolean): Promise<Picked | undefined> {
  const place: Place = { ...config?.place };
  let changedContext: string | undefined;
  for (;;) {
    const answer = await pickIn(server, place, { choice, configured: config?.target, launching, changedContext });
    switch (answer?.kind) {
      case undefined:
      case 'off':
      case 'configured':
        return answer;
      case 'target': {
        const path = await withContainer(answer.target.path, answer.containers);
        if (path !== undefined) return { kind: 'target', target: { ...answer.target, path } };
        break;
      }
      case 'namespace': {
        const namespace = await pickName('Namespace', answer.listed?.namespaces, answer.listed?.currentNamespace);
        if (namespace !== undefined) place.namespace = namespace;
        break;
      }
      case 'context': {
        const context = await pickName('Context of the kubeconfig', answer.listed?.contexts, answer.listed?.context);
        if (context !== undefined && context !== answer.listed?.context) {
          place.context = changedContext = context;
          delete place.namespace; // namespaces of another cluster are others
        }
        break;
      }
    }
  }
}

interface Around {
  choice: Choice;
  configured: string | undefined;
  launching: boolean;
  changedContext: string | undefined;
}

/** One showing of the list. */
async function pickIn(server: Server, place: Place, around: Around): Promise<Answer> {
  const picker = vscode.window.createQuickPick<Item>();
  const namespaces = { iconPath: new vscode.ThemeIcon('symbol-namespace'), tooltip: 'Another namespace' };
  const contexts = { iconPath: new vscode.ThemeIcon('server-environment'), tooltip: 'Another context (cluster)' };
  let listed: Targets | undefined;
  let asked: vscode.CancellationTokenSource | undefined;
  let pause: NodeJS.Timeout | undefined;

  const show = () => {
    const { choice, configured, launching, changedContext } = around;
    const lines = entries({ listed, filter: picker.value, context: changedContext, recent: choice.recent, on: choice.on && !launching, configured });
    const active = picker.activeItems[0]?.label;
    picker.items = lines.map((line): Item => 'heading' in line
      ? { label: line.heading, kind: vscode.QuickPickItemKind.Separator }
      // The server has filtered already, more kindly than the picker would.
      : { label: line.label, iconPath: new vscode.ThemeIcon(line.icon), alwaysShow: true, act: line.act, ...(line.description ? { description: line.description } : {}) });
    const again = picker.items.find((item) => item.label === active);
    if (again !== undefined) picker.activeItems = [again];
  };
  const title = () => {
    picker.title = ['Run in place of', listed?.currentNamespace && `namespace ${listed.currentNamespace}`, listed?.context && `context ${listed.context}`].filter(Boolean).join(' · ');
  };
  const ask = async () => {
    asked?.cancel();
    const { token } = (asked = new vscode.CancellationTokenSource());
    picker.busy = true;
    try {
      const answer = await server.targets({ ...place, limit: LIMIT, ...(picker.value === '' ? {} : { filter: picker.value }) }, token);
      if (token.isCancellationRequested) return;
      listed = answer;
      title();
      picker.placeholder = listed.total === 0 ? 'Nothing to stand in for here; choose another namespace or context above' : `Type letters of one of ${listed.total} targets`;
      show();
    } catch (error) {
      if (token.isCancellationRequested) return;
      server.log.error(`the targets cannot be listed: ${reason(error)}`);
      listed = (error as { data?: Targets }).data; // what is known all the same
      title();
      picker.items = [{ label: 'The targets cannot be listed; choose this line to try again', detail: reason(error), iconPath: new vscode.ThemeIcon('error'), alwaysShow: true }];
    }
    picker.busy = false;
  };

  picker.title = 'Run in place of';
  picker.placeholder = 'Asks the cluster…';
  picker.buttons = [namespaces, contexts];
  picker.matchOnDescription = false;
  picker.keepScrollPosition = true; // the cluster changes while one aims at a line
  show();
  const changes = server.onTargetsChanged(() => void ask());
  try {
    return await new Promise<Answer>((resolve) => {
      picker.onDidChangeValue(() => {
        clearTimeout(pause);
        pause = setTimeout(() => void ask(), PAUSE);
      });
      picker.onDidTriggerButton((button) => resolve({ kind: button === namespaces ? 'namespace' : 'context', listed }));
      picker.onDidAccept(() => {
        const [item] = picker.selectedItems;
        if (item?.act !== undefined) resolve(item.act);
        else if (item !== undefined) void ask();
      });
      picker.onDidHide(() => resolve(undefined));
      picker.show();
      void ask();
    });
  } finally {
    clearTimeout(pause);
    asked?.cancel();
    changes.dispose();
    picker.dispose();
  }
}

/** The path with the container that is wanted; nothing when the user goes back. */
async function withContainer(path: string, containers: string[]): Promise<string | undefined> {
  if (containers.length < 2) return path;
  const items = containers.map((label, index) => ({ label, ...(index === 0 ? { description: 'the first of the pod' } : {}) }));
  const picked = await vscode.window.showQuickPick(items, { title: `Container of ${path}`, placeHolder: 'Whose environment and files shall the program have?' });
  return picked && `${path}/container/${picked.label}`;
}

async function pickName(title: string, names: string[] | null | undefined, current: string | null | undefined): Promise<string | undefined> {
  if (names) {
    const items = names.map((label) => ({ label, ...(label === current ? { description: 'now' } : {}) }));
    return (await vscode.window.showQuickPick(items, { title }))?.label;
  }
  return await vscode.window.showInputBox({ title, prompt: 'The cluster or the kubeconfig does not tell which there are; type the name.', ...(current ? { value: current } : {}) });
}
