package dev.mirrord.jetbrains.run

import com.intellij.notification.NotificationType
import com.intellij.openapi.project.Project
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.logic.Injection
import dev.mirrord.logic.staying

/** Some launches can only add variables: tells which ones the program has although the session removes them. */
internal fun tellStaying(project: Project, injection: Injection) {
    val names = injection.staying(MirrordProject.inherited()).ifEmpty { return }
    val text = "the session removes ${names.joinToString(", ")}, which the program has from the IDE all the same. " +
        "Start the IDE without, or clear it in the run configuration."
    MirrordProject.of(project).tell(text, NotificationType.WARNING)
}
