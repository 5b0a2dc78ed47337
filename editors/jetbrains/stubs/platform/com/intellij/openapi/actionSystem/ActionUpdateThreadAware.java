package com.intellij.openapi.actionSystem;

/** 2025.1: AnAction is one. */
public interface ActionUpdateThreadAware {
  ActionUpdateThread getActionUpdateThread();
}
