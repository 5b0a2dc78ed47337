package com.jetbrains.python.run;

import java.util.Map;
import org.jetbrains.annotations.NotNull;

/** A Python program that is about to be run. */
public abstract class PythonExecution {
  public abstract @NotNull Map<String, ?> getEnvs();

  public final void addEnvironmentVariable(@NotNull String name, @NotNull String value) {}
}
