package com.intellij.openapi.actionSystem;

/** 2025.1: where an action is updated. */
public enum ActionUpdateThread { BGT, EDT }
