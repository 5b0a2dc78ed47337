// The language server: started when something first needs it, never before.

import * as vscode from 'vscode';
import type { LanguageClient, WorkspaceEdit } from 'vscode-languageclient/node';

import type { Target } from './choice.ts';
import { configured, type Configured } from './configured.ts';
import type { Event, Injection, ResolvedConfig, Session, Start, Targets, TargetsQuery } from './protocol.ts';
import * as settings from './settings.ts';

/** Documents that the server speaks about, under any language. */
const ENDINGS = '{json,jsonc,yaml,yml,toml}';
const DOCUMENTS = [`**/.mirrord/*.${ENDINGS}`, `**/*mirrord.${ENDINGS}`].map((pattern) => ({ scheme: 'file', pattern }));

/** Something went wrong that the user has to hear of. */
export class Failure extends Error {}

/** The server's program and its methods. */
export class Server implements vscode.Disposable {
  readonly #extension: string;
  #client: Promise<LanguageClient> | undefined;
  readonly #events = new vscode.EventEmitter<Event>();
  readonly #targetsChanged = new vscode.EventEmitter<void>();
  readonly #disposables: vscode.Disposable[] = [this.#events, this.#targetsChanged];
  #starts = 0;

  /** What happens in sessions and clusters. */
  readonly onEvent = this.#events.event;
  /** The last list of targets is out of date. */
  readonly onTargetsChanged = this.#targetsChanged.event;
  /** Where everything is told that is not worth a message. */
  readonly log: vscode.LogOutputChannel;

  constructor(extension: string, log: vscode.LogOutputChannel) {
    this.#extension = extension;
    this.log = log;
    const look = (document: vscode.TextDocument) => {
      if (this.#client !== undefined || vscode.languages.match(DOCUMENTS, document) === 0) return;
      this.client().catch((error: unknown) => tell(this.log, error));
    };
    vscode.workspace.textDocuments.forEach(look);
    this.#disposables.push(vscode.workspace.onDidOpenTextDocument(look));
  }

  /** Path of the program. Throws a `Failure` when there is none. */
  program(): string {
    const located = settings.server(this.#extension);
    if ('missing' in located) throw new Failure(located.missing);
    return located.path;
  }

  /** The running client. Throws a `Failure` when the server cannot be started. */
  async client(): Promise<LanguageClient> {
    this.#client ??= this.#start();
    try {
      return await this.#client;
    } catch (error) {
      // The next one tries again: the user may have repaired what was wrong.
      this.#client = undefined;
      throw error;
    }
  }

  async #start(): Promise<LanguageClient> {
    const command = this.program();
    const { LanguageClient } = await import('./client.cjs');
    const options = { env: { ...process.env, ...settings.environment() } };
    const client = new LanguageClient('mirrord', 'mirrord', { command, options }, {
      documentSelector: DOCUMENTS,
      outputChannel: this.log,
      synchronize: { configurationSection: 'mirrord' },
      // A failed start is told by whoever wanted the server.
      initializationFailedHandler: () => false,
      initializationOptions: vscode.workspace.getConfiguration('mirrord'),
    });
    client.onNotification('mirrord/event', (event: Event) => this.#events.fire(event));
    client.onNotification('mirrord/targetsChanged', () => this.#targetsChanged.fire());
    try {
      await client.start();
    } catch (error) {
      throw new Failure(`${command} does not start as a language server: ${reason(error)}. The log may tell more; another program can be named in the setting mirrord.server.path.`);
    }
    return client;
  }

  /** What could be stood in for. */
  async targets(query: TargetsQuery, token: vscode.CancellationToken): Promise<Targets> {
    return await (await this.client()).sendRequest<Targets>('mirrord/targets', query, token);
  }

  /** A session for a launch; steps are told as they come. */
  async start(start: Start, token: vscode.CancellationToken, step: (text: string) => void): Promise<Injection> {
    const client = await this.client();
    const { WorkDoneProgress } = await import('./client.cjs');
    this.#starts += 1;
    const workDoneToken = `mirrord-start-${this.#starts}`;
    const progress = client.onProgress(WorkDoneProgress.type, workDoneToken, (report) => {
      if (report.kind !== 'end' && report.message) step(report.message);
    });
    try {
      return await client.sendRequest<Injection>('mirrord/start', { ...start, workDoneToken }, token);
    } finally {
      progress.dispose();
    }
  }

  /** Ends a session, whoever has started it. */
  async stop(session: string): Promise<void> {
    await (await this.client()).sendRequest('mirrord/stop', { session });
  }

  /** All sessions of this user on this machine. */
  async sessions(): Promise<Session[]> {
    return (await (await this.client()).sendRequest<{ sessions: Session[] }>('mirrord/sessions')).sessions;
  }

  /** What a configuration file says of the target; nothing while it has errors, which the editor shows. */
  async config(file: string): Promise<Configured | undefined> {
    const client = await this.client();
    const document = await vscode.workspace.openTextDocument(file);
    const uri = client.code2ProtocolConverter.asUri(document.uri);
    return configured(await client.sendRequest<ResolvedConfig>('mirrord/config', { uri }));
  }

  /** Writes a target into a configuration; the user may look at it, save it, or take it back. */
  async setTarget(file: vscode.Uri, { path: target, namespace, context }: Target): Promise<void> {
    const client = await this.client();
    const document = await vscode.workspace.openTextDocument(file);
    const uri = client.code2ProtocolConverter.asUri(document.uri);
    const answer = await client.sendRequest<WorkspaceEdit>('mirrord/setTarget', { uri, target, namespace, context });
    const edit = await client.protocol2CodeConverter.asWorkspaceEdit(answer);
    if (!(await vscode.workspace.applyEdit(edit))) throw new Failure(`${target} was not written: ${file.fsPath} was changed meanwhile.`);
  }

  /** Whether the server runs already. */
  get running(): boolean {
    return this.#client !== undefined;
  }

  /** Ends the server, and with it the sessions of launches. */
  async end(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.then((client) => client.stop(), () => undefined); // one that never started needs no end
  }

  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
  }
}

/** The words of an error. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Tells the user what went wrong, with the log at hand. What the user has cancelled is no news. */
export function tell(log: vscode.LogOutputChannel, error: unknown): void {
  if (error instanceof vscode.CancellationError) return;
  const text = reason(error);
  log.error(text);
  const show = 'Show Log';
  vscode.window.showErrorMessage(`mirrord: ${text}`, show).then((answer) => {
    if (answer === show) log.show(true);
  });
}
