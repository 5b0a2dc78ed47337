package com.intellij.javascript.nodejs.execution.runConfiguration;

import com.intellij.execution.ExecutionException;
import com.intellij.javascript.nodejs.execution.NodeTargetRun;
import org.jetbrains.annotations.NotNull;

/** What an extension has to say to one launch. */
public abstract class NodeRunConfigurationLaunchSession {
  public void addNodeOptionsTo(@NotNull NodeTargetRun run) throws ExecutionException {}
}
