package dev.mirrord.jetbrains

import com.intellij.execution.ExecutionException
import com.intellij.execution.RunCanceledByUserException
import com.intellij.execution.configurations.GeneralCommandLine
import com.intellij.notification.NotificationGroupManager
import com.intellij.notification.NotificationType
import com.intellij.openapi.application.ApplicationManager
import com.intellij.openapi.application.ModalityState
import com.intellij.openapi.diagnostic.Logger
import com.intellij.openapi.progress.ProgressManager
import com.intellij.openapi.project.Project
import com.intellij.openapi.util.ThrowableComputable
import com.intellij.util.EnvironmentUtil
import com.redhat.devtools.lsp4ij.LanguageServerManager
import dev.mirrord.jetbrains.ui.TargetDialog
import dev.mirrord.logic.Event
import dev.mirrord.logic.Injection
import dev.mirrord.logic.Launch
import dev.mirrord.logic.Launches
import dev.mirrord.logic.MirrordServer
import dev.mirrord.logic.Place
import dev.mirrord.logic.SERVER_ID
import dev.mirrord.logic.SERVER_PROGRAM
import dev.mirrord.logic.ServerNotFound
import dev.mirrord.logic.StartFailed
import dev.mirrord.logic.Surroundings
import dev.mirrord.logic.Wish
import dev.mirrord.logic.findServer
import dev.mirrord.logic.notice
import java.nio.file.Path
import java.util.concurrent.CancellationException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CopyOnWriteArrayList

/** mirrord in one project: its server, and the sessions of its launches. */
class MirrordProject(private val project: Project) {
    /** Sessions of launches, until their processes run. */
    val launches: Launches = Launches(::server) { tell(it, NotificationType.WARNING) }

    /** Who wants to know that targets have changed. */
    val onTargets: MutableList<(Place) -> Unit> = CopyOnWriteArrayList()

    /** The server of this project, started if it does not run. Fails with a sentence for the user. */
    fun server(): CompletableFuture<MirrordServer> {
        try {
            binary()
        } catch (failure: ServerNotFound) {
            return CompletableFuture.failedFuture(failure)
        }
        val manager = LanguageServerManager.getInstance(project)
        val options = LanguageServerManager.StartOptions().setForceStart(true).setForceRestart(false).setWillEnable(true)
        manager.start(SERVER_ID, options)
        return manager.getLanguageServer(SERVER_ID)
            .thenCompose { it?.initializedServer ?: CompletableFuture.failedFuture(IllegalStateException(NO_SERVER)) }
            .thenApply { it as MirrordServer }
    }

    /** A command of the server's program, in the environment that the user's terminal has. */
    fun command(vararg arguments: String): GeneralCommandLine {
        val line = GeneralCommandLine(listOf(binary().toString()) + arguments)
        line.withParentEnvironmentType(GeneralCommandLine.ParentEnvironmentType.CONSOLE)
        val kubeconfig = MirrordSettings.of(project).kubeconfig.trim()
        if (kubeconfig.isNotEmpty()) line.withEnvironment("KUBECONFIG", kubeconfig)
        project.basePath?.let(line::withWorkDirectory)
        return line
    }

    /**
     * A session for the run configuration [name], or `null` if mirrord is off. Asks for a target if none was chosen yet.
     *
     * Fails with [ExecutionException], which ends the launch and shows why; when the user cancels, the launch ends in silence.
     */
    @Throws(ExecutionException::class)
    fun begin(name: String, folder: String?, environment: Map<String, String>): Injection? {
        val settings = MirrordSettings.of(project)
        if (!settings.choice.enabled) return null
        val wish = settings.choice.wish() ?: ask()
        val launch = Launch(wish, folder?.ifEmpty { null } ?: project.basePath, environment, ProcessHandle.current().pid())
        try {
            return waiting { cancelled -> launches.begin(name, launch, cancelled) }
        } catch (failure: StartFailed) {
            throw ExecutionException("mirrord: ${failure.message}", failure)
        } catch (_: CancellationException) {
            throw RunCanceledByUserException()
        }
    }

    /** Asks for a target. A cancelled dialog ends the launch in silence. */
    @Throws(ExecutionException::class)
    private fun ask(): Wish {
        val application = ApplicationManager.getApplication()
        if (!application.isDispatchThread && application.isReadAccessAllowed) {
            // To wait for a dialog here would stop the IDE for good.
            application.invokeLater { TargetDialog(project).show() }
            throw ExecutionException("mirrord: choose a target, then launch again.")
        }
        var wish: Wish? = null
        val dialog = { if (TargetDialog(project).showAndGet()) wish = MirrordSettings.of(project).choice.wish() }
        application.invokeAndWait(dialog, ModalityState.defaultModalityState())
        return wish ?: throw RunCanceledByUserException()
    }

    /** Waits with a dialog that can be cancelled where the IDE would freeze otherwise. */
    private fun <T> waiting(work: (cancelled: () -> Boolean) -> T): T {
        val progress = ProgressManager.getInstance()
        val cancelled = { progress.progressIndicator?.isCanceled == true }
        if (!ApplicationManager.getApplication().isDispatchThread) return work(cancelled)
        val task = ThrowableComputable<T, Exception> { work(cancelled) }
        return progress.runProcessWithProgressSynchronously(task, "Starting a mirrord session", true, project)
    }

    /** The server has told something. */
    fun receive(event: Event) {
        LOG.debug("event: $event")
        notice(event)?.let { tell(it.text, if (it.serious) NotificationType.ERROR else NotificationType.WARNING) }
    }

    /** The server has told that targets have changed. */
    fun targetsChanged(place: Place): Unit = onTargets.forEach { it(place) }

    /** A balloon. */
    fun tell(text: String, type: NotificationType) {
        val escaped = text.replace("&", "&amp;").replace("<", "&lt;")
        NotificationGroupManager.getInstance().getNotificationGroup("mirrord").createNotification("mirrord: $escaped", type).notify(project)
    }

    /** The server's program. Fails with [ServerNotFound]. */
    private fun binary(): Path {
        val brought = plugin()
        // An IDE that unpacks a zip may lose who may run what.
        val file = brought?.resolve("bin/$SERVER_PROGRAM")?.toFile()
        if (file != null && file.isFile && !file.canExecute() && !file.setExecutable(true)) LOG.warn("cannot make $file executable")
        val home = Path.of(System.getProperty("user.home"))
        return findServer(Surroundings(MirrordSettings.of(project).server, brought, EnvironmentUtil.getValue("PATH"), home))
    }

    /** Where the plugin is unpacked: `lib/plugin.jar` is two below. */
    private fun plugin(): Path? {
        val jar = MirrordProject::class.java.protectionDomain.codeSource?.location ?: return null
        return Path.of(jar.toURI()).parent?.parent
    }

    companion object {
        private val LOG = Logger.getInstance(MirrordProject::class.java)
        private const val NO_SERVER = "the language server did not start. Its log is in the tool window Language Servers."

        /** That of a project. */
        fun of(project: Project): MirrordProject = project.getService(MirrordProject::class.java)

        /** The environment that programs inherit from the IDE. */
        fun inherited(): Map<String, String> = EnvironmentUtil.getEnvironmentMap()
    }
}
