package com.goide.execution;

/** A launch of a Go program. */
public class GoRunningState<T extends GoRunConfigurationBase<?>> {
  public enum CommandLineType { BUILD, RUN }
}
