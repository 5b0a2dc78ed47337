// Every launch of this editor passes here: it gets a session, or is left alone.

import * as path from 'node:path';
import * as vscode from 'vscode';

import type { Chooser } from './chooser.ts';
import { SESSION_KEY, TYPE, patched, settled, treat, variables, wish, type Launch } from './launches.ts';
import type { Event, Wish } from './protocol.ts';
import { Failure, reason, tell, type Server } from './server.ts';
import * as settings from './settings.ts';

/** How long a program may take to join its session once it runs, in milliseconds. */
const JOIN_LIMIT = 5_000;

/** How long a debugger may take to tell that the program runs; some never do. In milliseconds. */
const SILENCE_LIMIT = 20_000;

/** How often the server is asked whether it has, in milliseconds. */
const JOIN_PACE = 250;

/** How long a session waits for its debug session: a task may build the program first. In milliseconds. */
const UNUSED_LIMIT = 15 * 60_000;

/** Gives sessions to launches, and ends them. */
export class Launcher implements vscode.DebugConfigurationProvider, vscode.DebugAdapterDescriptorFactory, vscode.DebugAdapterTrackerFactory {
  readonly #server: Server;
  readonly #chooser: Chooser;
  /** Sessions whose debug session has not begun yet. */
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  /** Names of sessions by the debug session that they belong to. */
  readonly #running = new Map<vscode.DebugSession, string>();

  constructor(server: Server, chooser: Chooser) {
    this.#server = server;
    this.#chooser = chooser;
  }

  register(): vscode.Disposable[] {
    return [
      vscode.debug.registerDebugConfigurationProvider('*', this),
      vscode.debug.registerDebugAdapterDescriptorFactory(TYPE, this),
      vscode.debug.registerDebugAdapterTrackerFactory('*', this),
      vscode.debug.onDidStartDebugSession((session) => this.#started(session)),
      vscode.debug.onDidTerminateDebugSession((session) => this.#ended(session)),
      this.#server.onEvent((event) => this.#heard(event)),
    ];
  }

  #heard({ session, kind, state, text, context }: Event): void {
    const what = text ?? state;
    const told = `${session === undefined ? `cluster ${context ?? ''}` : `session ${session}`}: ${what}`;
    if (kind === 'warning') this.#server.log.warn(told);
    else if (what !== undefined) this.#server.log.info(told);
    const debugged = [...this.#running].find(([, name]) => name === session)?.[0];
    if (debugged === undefined || (state !== 'lost' && state !== 'stopped')) return;
    // Without its session a program would go on with nobody to ask.
    this.#running.delete(debugged);
    void vscode.debug.stopDebugging(debugged);
    if (state === 'lost') tell(this.#server.log, new Failure(`The session is lost, and its program was ended: ${text ?? 'no reason is known'}. Start it again.`));
  }

  /**
   * Makes a launch that shall run through our debug adapter ours where no extension knows its type: nobody else would replace
   * its variables.
   */
  resolveDebugConfiguration(_folder: vscode.WorkspaceFolder | undefined, launch: vscode.DebugConfiguration): vscode.DebugConfiguration {
    const treatment = treat(launch, this.#chooser.choice.on, settings.proxied());
    if (treatment.kind !== 'proxy' || treatment.adapter === undefined || isInstalled(launch.type)) return launch;
    return { adapter: treatment.adapter, ...launch, type: TYPE };
  }

  /** Gives the launch what it needs; nothing, which cancels it, when there is no session to be had. */
  async resolveDebugConfigurationWithSubstitutedVariables(
    folder: vscode.WorkspaceFolder | undefined,
    launch: vscode.DebugConfiguration,
    token?: vscode.CancellationToken,
  ): Promise<vscode.DebugConfiguration | undefined> {
    const treatment = treat(launch, this.#chooser.choice.on, settings.proxied());
    if (treatment.kind === 'leave') {
      if (treatment.why !== undefined) this.#server.log.warn(`"${launch.name}" runs without mirrord: ${treatment.why}`);
      return launch;
    }
    if (treatment.kind === 'proxy' && settled(launch['mirrord'])) return launch;
    try {
      const own: Wish = typeof launch['mirrord'] === 'object' && launch['mirrord'] !== null ? launch['mirrord'] : {};
      const cwd = directory(launch, folder);
      const file = typeof own.config === 'string' ? path.resolve(cwd ?? '', own.config) : own.config === undefined ? settings.configuration(folder) : undefined;
      const target = await this.#chooser.target(own, file);
      if (target === undefined) {
        this.#server.log.info(`"${launch.name}" was not started: no target was chosen`);
        return undefined;
      }
      const wanted = wish(launch['mirrord'], target === 'configured' ? undefined : target, file);
      if (treatment.kind === 'environment') return await this.#withEnvironment(cwd, launch, wanted, token);
      const adapter = treatment.adapter === undefined ? {} : { adapter: treatment.adapter };
      return { ...adapter, ...launch, ...(cwd === undefined ? {} : { cwd }), type: TYPE, mirrord: wanted };
    } catch (error) {
      tell(this.#server.log, error);
      return undefined;
    }
  }

  async #withEnvironment(
    cwd: string | undefined,
    launch: Launch,
    mirrord: Wish,
    token: vscode.CancellationToken | undefined,
  ): Promise<vscode.DebugConfiguration> {
    // Debug adapters are started by this process, or live in it: programs must find them on this machine.
    const start = { mirrord, env: variables(launch), debugger: process.pid, ...(cwd === undefined ? {} : { cwd }) };
    const shown = { location: vscode.ProgressLocation.Notification, title: 'mirrord', cancellable: true };
    const injection = await vscode.window.withProgress(shown, async (progress, cancelled) => {
      const either = new vscode.CancellationTokenSource();
      const wishes = [cancelled, token].map((token) => token?.onCancellationRequested(() => either.cancel()));
      try {
        return await this.#server.start(start, either.token, (message) => progress.report({ message }));
      } catch (error) {
        if (either.token.isCancellationRequested) throw new vscode.CancellationError();
        throw new Failure(`"${launch.name}" was not started: ${reason(error)}`);
      } finally {
        wishes.forEach((wish) => wish?.dispose());
        either.dispose();
      }
    });
    const { launch: result, remarks } = patched(launch, injection);
    remarks.forEach((remark) => this.#server.log.warn(`"${launch.name}": ${remark}`));
    this.#server.log.info(`"${launch.name}" runs in place of ${injection.target} (session ${injection.session})`);
    this.#waiting.set(injection.session, setTimeout(() => this.#stop(injection.session), UNUSED_LIMIT));
    return result;
  }

  #started(session: vscode.DebugSession): void {
    const name: unknown = session.configuration[SESSION_KEY];
    // Debuggers that copy their configuration to child sessions copy our key, too: the first one counts.
    if (typeof name !== 'string' || !this.#waiting.has(name)) return;
    clearTimeout(this.#waiting.get(name));
    this.#waiting.delete(name);
    this.#running.set(session, name);
  }

  #ended(session: vscode.DebugSession): void {
    const name = this.#running.get(session);
    this.#running.delete(session);
    if (name !== undefined) this.#stop(name);
  }

  #stop(name: string): void {
    this.#waiting.delete(name);
    // It may have ended by itself meanwhile.
    this.#server.stop(name).catch((error: unknown) => this.#server.log.info(`session ${name}: ${reason(error)}`));
  }

  createDebugAdapterDescriptor(): vscode.DebugAdapterDescriptor {
    try {
      return new vscode.DebugAdapterExecutable(this.#server.program(), ['dap'], { env: settings.environment() });
    } catch (error) {
      // The editor shows it as the reason why the debug session does not begin.
      throw new Error(`mirrord: ${reason(error)}`);
    }
  }

  createDebugAdapterTracker(session: vscode.DebugSession): vscode.DebugAdapterTracker | undefined {
    if (session.type === TYPE) return session.parentSession && withParent(session.parentSession);
    const name: unknown = session.configuration[SESSION_KEY];
    return typeof name === 'string' ? this.#withProgram(session, name) : undefined;
  }

  /** Debuggers tell when the program runs; then it has to join. */
  #withProgram(session: vscode.DebugSession, name: string): vscode.DebugAdapterTracker {
    let runs = false;
    const silence = setTimeout(() => void this.#doubt(session, name), SILENCE_LIMIT);
    return {
      onDidSendMessage: (message: { type: string; event?: string }) => {
        if (runs || message.type !== 'event' || (message.event !== 'process' && message.event !== 'stopped')) return;
        runs = true;
        clearTimeout(silence);
        void this.#expectProgram(session, name);
      },
      onExit: () => clearTimeout(silence),
      onWillStopSession: () => clearTimeout(silence),
    };
  }

  /** A program that does not join runs on this machine alone, which nobody who asked for a session wants. */
  async #expectProgram(session: vscode.DebugSession, name: string): Promise<void> {
    const until = Date.now() + JOIN_LIMIT;
    while (await this.#isMissing(session, name)) {
      if (Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, JOIN_PACE));
        continue;
      }
      await vscode.debug.stopDebugging(session);
      tell(this.#server.log, new Failure(`"${session.name}" was ended: its program did not join the session within ${JOIN_LIMIT / 1000} s, so it ran on this machine only. ${advice(session.type)}`));
      return;
    }
  }

  /** Whether the program runs is not known; it may still be built. So the user decides. */
  async #doubt(session: vscode.DebugSession, name: string): Promise<void> {
    if (!(await this.#isMissing(session, name))) return;
    const stop = 'Stop';
    const text = `mirrord: no program of "${session.name}" has joined the session yet. If it runs already, it runs on this machine only. ${advice(session.type)}`;
    if ((await vscode.window.showWarningMessage(text, stop)) === stop) await vscode.debug.stopDebugging(session);
  }

  /** Whether the debug session goes on and no program of it has joined. */
  async #isMissing(session: vscode.DebugSession, name: string): Promise<boolean> {
    if (!this.#running.has(session)) return false;
    try {
      const ours = (await this.#server.sessions()).find((one) => one.session === name);
      // Gone already, or a server that does not count.
      return ours?.programs === 0;
    } catch (error) {
      this.#server.log.warn(`session ${name}: whether the program has joined is not known: ${reason(error)}`);
      return false;
    }
  }
}

/** Who stops the debug session of a child wants the program to end, of which that is a part. */
function withParent(parent: vscode.DebugSession): vscode.DebugAdapterTracker {
  let ended = false;
  return {
    onDidSendMessage: (message: { type: string; event?: string }) => {
      ended ||= message.type === 'event' && message.event === 'terminated';
    },
    onWillReceiveMessage: ({ command, arguments: how }: { command?: string; arguments?: { restart?: boolean } }) => {
      const stops = (command === 'disconnect' || command === 'terminate') && how?.restart !== true;
      if (stops && !ended) void vscode.debug.stopDebugging(parent);
    },
  };
}

/** Whether an extension brings the debuggers of this type. */
function isInstalled(type: string): boolean {
  return vscode.extensions.all.some(({ packageJSON: { contributes } }) => contributes?.debuggers?.some((known: { type: string }) => known.type === type));
}

/** Where the program of a launch runs, to which paths are relative. */
function directory(launch: Launch, folder: vscode.WorkspaceFolder | undefined): string | undefined {
  const own = typeof launch['cwd'] === 'string' ? launch['cwd'] : '';
  return folder === undefined ? own || undefined : path.resolve(folder.uri.fsPath, own);
}

/** What to do about a program that does not join. */
function advice(type: string): string {
  return `Programs that load no libraries (static ones, Go) cannot be reached through their variables: add "${type}" to the setting mirrord.debug.throughProxy, or write a launch configuration of type "mirrord".`;
}
