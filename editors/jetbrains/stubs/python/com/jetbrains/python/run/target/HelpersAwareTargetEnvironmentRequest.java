package com.jetbrains.python.run.target;

import com.intellij.execution.target.TargetEnvironmentRequest;
import org.jetbrains.annotations.NotNull;

/** The machine that it shall run on. */
public interface HelpersAwareTargetEnvironmentRequest {
  @NotNull TargetEnvironmentRequest getTargetEnvironmentRequest();
}
