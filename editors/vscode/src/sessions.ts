// The view of sessions: asked for while it is seen, and never otherwise.

import * as vscode from 'vscode';

import { outline, update, type Line } from './outline.ts';
import { reason, tell, type Server } from './server.ts';

/** How often a view that is seen asks, in milliseconds. */
const PACE = 1_000;

/** The tree of sessions. */
export class Sessions implements vscode.TreeDataProvider<Line>, vscode.Disposable {
  readonly #server: Server;
  readonly #view: vscode.TreeView<Line>;
  readonly #changes = new vscode.EventEmitter<Line[] | undefined>();
  readonly #disposables: vscode.Disposable[];
  readonly onDidChangeTreeData = this.#changes.event;
  readonly #lines: Line[] = [];
  #timer: NodeJS.Timeout | undefined;
  #asking = false;

  constructor(server: Server) {
    this.#server = server;
    this.#view = vscode.window.createTreeView('mirrord.sessions', { treeDataProvider: this });
    this.#disposables = [
      this.#view,
      this.#changes,
      this.#view.onDidChangeVisibility(() => this.#pace()),
      vscode.commands.registerCommand('mirrord.stopSession', (line?: Line) => this.#stop(line)),
      vscode.commands.registerCommand('mirrord.showLog', () => server.log.show()),
    ];
    this.#pace();
  }

  #pace(): void {
    clearInterval(this.#timer);
    if (!this.#view.visible) return;
    this.#timer = setInterval(() => void this.#ask(), PACE);
    void this.#ask();
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.#show(outline(await this.#server.sessions()));
      this.#view.message = '';
    } catch (error) {
      this.#show([]);
      this.#view.message = `The sessions are not known: ${reason(error)}`;
    } finally {
      this.#asking = false;
    }
  }

  #show(lines: Line[]): void {
    const changes = update(this.#lines, lines);
    if (changes === 'all') this.#changes.fire(undefined);
    else if (changes.length > 0) this.#changes.fire(changes);
    this.#view.badge = this.#lines.length === 0 ? undefined : { value: this.#lines.length, tooltip: 'sessions of mirrord' };
  }

  getChildren(line?: Line): Line[] {
    return line?.children ?? this.#lines;
  }

  getTreeItem({ id, label, description, tooltip, icon, session, children, open }: Line): vscode.TreeItem {
    const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(label, children.length === 0 ? None : open === true ? Expanded : Collapsed);
    item.id = id;
    if (description !== undefined) item.description = description;
    if (tooltip !== undefined) item.tooltip = tooltip;
    if (icon !== undefined) item.iconPath = new vscode.ThemeIcon(icon);
    if (session !== undefined) item.contextValue = 'session';
    return item;
  }

  /** Ends a session of the tree; without one, the user says which. */
  async #stop(line: Line | undefined): Promise<void> {
    try {
      const session = line?.session ?? (await this.#choose());
      if (session !== undefined) await this.#server.stop(session);
      if (this.#view.visible) await this.#ask();
    } catch (error) {
      tell(this.#server.log, error);
    }
  }

  async #choose(): Promise<string | undefined> {
    const lines = outline(await this.#server.sessions());
    if (lines.length === 0) {
      vscode.window.showInformationMessage('No session of mirrord runs on this machine.');
      return undefined;
    }
    const items = lines.map(({ label, description, session }) => ({ label, session, ...(description === undefined ? {} : { description }) }));
    return (await vscode.window.showQuickPick(items, { title: 'Stop a session' }))?.session;
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#disposables.forEach((disposable) => disposable.dispose());
  }
}
