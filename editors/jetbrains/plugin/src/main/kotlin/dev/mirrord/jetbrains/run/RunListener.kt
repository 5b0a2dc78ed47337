package dev.mirrord.jetbrains.run

import com.intellij.execution.ExecutionListener
import com.intellij.execution.configurations.RunProfile
import com.intellij.execution.process.ProcessEvent
import com.intellij.execution.process.ProcessHandler
import com.intellij.execution.process.ProcessListener
import com.intellij.execution.runners.ExecutionEnvironment
import com.intellij.notification.NotificationType
import com.intellij.openapi.project.Project
import com.intellij.openapi.util.Key
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.jetbrains.MirrordSettings

/** Ends the session of a launch with its process, whichever run configuration it is of. */
class RunListener(private val project: Project) : ExecutionListener {
    private val mirrord = MirrordProject.of(project)
    private val launches = mirrord.launches

    override fun processStarted(executorId: String, env: ExecutionEnvironment, handler: ProcessHandler) {
        val session = launches.take(env.runProfile.name) ?: return tellWithout(env.runProfile)
        handler.addProcessListener(End { launches.stop(session) })
        // It may have ended before anybody listened; to stop twice does no harm.
        if (handler.isProcessTerminated) launches.stop(session)
    }

    override fun processNotStarted(executorId: String, env: ExecutionEnvironment) {
        launches.take(env.runProfile.name)?.let(launches::stop)
    }

    /** Nobody shall believe that a program is in the pod's place when it is not. */
    private fun tellWithout(profile: RunProfile) {
        // The debug adapter has a session of its own, and tells of it.
        val own = profile.javaClass.name.startsWith("com.redhat.devtools.lsp4ij.")
        if (own || !MirrordSettings.of(project).choice.enabled) return
        mirrord.tell("\"${profile.name}\" runs without a session: run configurations of this kind get none.", NotificationType.WARNING)
    }
}

private class End(private val act: () -> Unit) : ProcessListener {
    override fun processTerminated(event: ProcessEvent): Unit = act()

    override fun startNotified(event: ProcessEvent): Unit = Unit

    override fun processWillTerminate(event: ProcessEvent, willBeDestroyed: Boolean): Unit = Unit

    override fun onTextAvailable(event: ProcessEvent, outputType: Key<*>): Unit = Unit
}
