// Keeps the user's choice, shows it in the status bar, and asks for one where a launch needs it.

import * as vscode from 'vscode';

import * as choices from './choice.ts';
import type { Choice, Target } from './choice.ts';
import type { Configured } from './configured.ts';
import { pick, type Picked } from './picker.ts';
import type { Wish } from './protocol.ts';
import { Failure, reason, tell, type Server } from './server.ts';
import * as settings from './settings.ts';

const KEY = 'choice';

/** The choice of this workspace. */
export class Chooser implements vscode.Disposable {
  readonly #memory: vscode.Memento;
  readonly #server: Server;
  readonly #item: vscode.StatusBarItem;

  constructor(memory: vscode.Memento, server: Server) {
    this.#memory = memory;
    this.#server = server;
    this.#item = vscode.window.createStatusBarItem('mirrord.choice', vscode.StatusBarAlignment.Left, 10);
    this.#item.name = 'mirrord';
    this.#item.command = 'mirrord.pick';
    this.show();
  }

  get choice(): Choice {
    return { ...choices.NOTHING, ...this.#memory.get<Partial<Choice>>(KEY) };
  }

  async #choose(choice: Choice): Promise<void> {
    await this.#memory.update(KEY, choice);
    this.show();
  }

  /** Draws the button anew. */
  show(): void {
    const choice = this.choice;
    this.#item.text = `$(plug) ${choices.label(choice)}`;
    this.#item.tooltip = tooltip(choice);
    this.#item.accessibilityInformation = { label: `${choices.label(choice)}. Choose whom programs stand in for.`, role: 'button' };
    if (settings.statusBar()) this.#item.show();
    else this.#item.hide();
  }

  /** Turns mirrord on or off for launches; on without a target asks for one. */
  async toggle(): Promise<void> {
    const choice = this.choice;
    if (choice.on || choice.target !== undefined) await this.#choose({ ...choice, on: !choice.on });
    else await this.pick(folder());
  }

  /** Lets the user pick for the launches to come. */
  async pick(of: vscode.WorkspaceFolder | undefined): Promise<void> {
    const file = settings.configuration(of);
    try {
      const config = file === undefined ? undefined : await this.#config(file);
      await this.#take(await pick(this.#server, this.choice, config, false));
    } catch (error) {
      tell(this.#server.log, error);
    }
  }

  /** Lets the user pick the target of a configuration, and writes it there. */
  async pickFor(file: vscode.Uri): Promise<void> {
    try {
      const config = await this.#config(file.fsPath);
      const picked = await pick(this.#server, this.choice, config && { ...config, target: undefined }, true);
      if (picked?.kind !== 'target') return;
      await this.#server.setTarget(file, picked.target);
      // What was picked for launches before would beat what the configuration says now.
      await this.#choose({ on: this.choice.on, recent: choices.pick(this.choice, picked.target).recent });
    } catch (error) {
      tell(this.#server.log, error);
    }
  }

  async #take(picked: Picked | undefined): Promise<void> {
    const choice = this.choice;
    if (picked?.kind === 'target') await this.#choose(choices.pick(choice, picked.target));
    if (picked?.kind === 'configured') await this.#choose(choices.asConfigured(choice));
    if (picked?.kind === 'off') await this.#choose({ ...choice, on: false });
  }

  /**
   * The target of a launch that says `own` itself and uses the configuration `file`. `configured` where one of the two
   * names it; nothing when the user was asked and gave up.
   */
  async target(own: Wish, file: string | undefined): Promise<Target | 'configured' | undefined> {
    if (own.target !== undefined) return 'configured';
    const { target } = this.choice;
    // A configuration that the launch names is what the launch says itself.
    if (target !== undefined && typeof own.config !== 'string') return target;
    if (typeof own.config === 'object') return 'configured'; // the server judges what stands in the launch itself
    const config = file === undefined ? undefined : await this.#config(file);
    // One with errors is not asked about: the launch fails with them.
    if (config?.target !== undefined || (file !== undefined && config === undefined)) return 'configured';
    if (target !== undefined) return target;
    const picked = await pick(this.#server, this.choice, config, true);
    if (picked?.kind !== 'target') return undefined;
    await this.#choose({ ...choices.pick(this.choice, picked.target), on: this.choice.on });
    return picked.target;
  }

  async #config(file: string): Promise<Configured | undefined> {
    try {
      return await this.#server.config(file);
    } catch (error) {
      if (error instanceof Failure) throw error;
      // A file that is not there, or whose name is no configuration's: the launch says so in its own words.
      this.#server.log.warn(`what ${file} says is not known: ${reason(error)}`);
      return undefined;
    }
  }

  dispose(): void {
    this.#item.dispose();
  }
}

/** The folder that the user works in. */
export function folder(): vscode.WorkspaceFolder | undefined {
  const uri = vscode.window.activeTextEditor?.document.uri;
  return (uri && vscode.workspace.getWorkspaceFolder(uri)) ?? vscode.workspace.workspaceFolders?.[0];
}

function tooltip({ on, target }: Choice): string {
  if (!on) return 'Programs that you start run without mirrord. Click to choose whom they stand in for.';
  const whom = target === undefined ? 'the target of the configuration' : choices.inWords(target);
  return `Programs that you start from this editor run in place of ${whom}. Click to change that.`;
}
