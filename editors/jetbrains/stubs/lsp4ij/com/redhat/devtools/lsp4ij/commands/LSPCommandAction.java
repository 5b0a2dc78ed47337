package com.redhat.devtools.lsp4ij.commands;

import com.intellij.openapi.actionSystem.ActionUpdateThread;
import com.intellij.openapi.actionSystem.AnAction;
import com.intellij.openapi.actionSystem.AnActionEvent;
import org.jetbrains.annotations.NotNull;

/** An action whose id is the name of a command of the server. */
public abstract class LSPCommandAction extends AnAction {
  @Override
  public final void actionPerformed(@NotNull AnActionEvent event) {}

  protected @NotNull ActionUpdateThread getCommandPerformedThread() {
    return ActionUpdateThread.BGT;
  }

  protected abstract void commandPerformed(@NotNull LSPCommand command, @NotNull AnActionEvent event);
}
