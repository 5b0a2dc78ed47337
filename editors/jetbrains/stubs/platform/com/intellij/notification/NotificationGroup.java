package com.intellij.notification;

/** 2025.1: as far as we use it. */
public abstract class NotificationGroup {
  public abstract Notification createNotification(String content, NotificationType type);
}
