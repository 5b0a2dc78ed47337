package com.intellij.javascript.nodejs.execution;

import com.intellij.execution.configuration.EnvironmentVariablesData;
import org.jetbrains.annotations.NotNull;

/** A launch of Node. */
public class NodeTargetRun {
  public @NotNull EnvironmentVariablesData getEnvData() {
    throw new UnsupportedOperationException();
  }

  public void setEnvData(@NotNull EnvironmentVariablesData data) {}
}
