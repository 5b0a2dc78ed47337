package com.intellij.execution.target;

import com.intellij.execution.target.value.TargetValue;
import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

/** 2025.1: a command line on some machine. */
public class TargetedCommandLineBuilder {
  public @NotNull TargetEnvironmentRequest getRequest() {
    throw new UnsupportedOperationException();
  }

  public @NotNull TargetValue<String> getExePath() {
    throw new UnsupportedOperationException();
  }

  public void setExePath(@NotNull String path) {}

  public void addParameterAt(int index, @NotNull String parameter) {}

  public void addParameterAt(int index, @NotNull TargetValue<String> parameter) {}

  public void addEnvironmentVariable(@NotNull String name, @Nullable String value) {}

  public void removeEnvironmentVariable(@NotNull String name) {}
}
