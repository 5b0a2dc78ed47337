package com.intellij.execution;

import com.intellij.openapi.project.Project;

/** In the platform a Kotlin class, which is not among the sources that are read. */
public abstract class RunManager {
  public static RunManager getInstance(Project project) {
    throw new UnsupportedOperationException();
  }

  public abstract RunnerAndConfigurationSettings getSelectedConfiguration();
}
