/** The server as it ships, spoken to as LSP4IJ does: by LSP4J. */
package dev.mirrord.logic

import java.nio.file.Path
import java.util.concurrent.CompletableFuture
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import org.eclipse.lsp4j.ClientCapabilities
import org.eclipse.lsp4j.InitializeParams
import org.eclipse.lsp4j.InitializeResult
import org.eclipse.lsp4j.InitializedParams
import org.eclipse.lsp4j.MessageActionItem
import org.eclipse.lsp4j.MessageParams
import org.eclipse.lsp4j.PublishDiagnosticsParams
import org.eclipse.lsp4j.ShowMessageRequestParams
import org.eclipse.lsp4j.WorkspaceFolder
import org.eclipse.lsp4j.launch.LSPLauncher
import org.eclipse.lsp4j.services.LanguageClient
import org.junit.jupiter.api.Assumptions.abort

/** Longest wait for an answer. */
const val LIMIT_SECONDS: Long = 40

/** The folder of what ships, or a skipped test that says why. */
fun dist(): Path = wanted("MIRRORD_DIST", "the folder with the programs that are tested")

/** The kubeconfig of the test cluster, or a skipped test that says why. */
fun cluster(): Path {
    wanted("MIRRORD_CLUSTER_ENTER", "that there is a test cluster")
    return wanted("KUBECONFIG", "the test cluster")
}

private fun wanted(name: String, what: String): Path = System.getenv(name)?.let(Path::of) ?: run {
    println("skipped: $name is not set, which says $what")
    abort<Path>("$name is not set, which says $what")
}

/** What the server has told by itself. */
class Told : LanguageClient, MirrordNotices {
    val events = LinkedBlockingQueue<Event>()
    val changes = LinkedBlockingQueue<Place>()
    val problems = LinkedBlockingQueue<PublishDiagnosticsParams>()

    override fun event(event: Event) = events.put(event)
    override fun targetsChanged(place: Place) = changes.put(place)
    override fun publishDiagnostics(diagnostics: PublishDiagnosticsParams) = problems.put(diagnostics)
    override fun telemetryEvent(value: Any?) = error("the server sends telemetry: $value")
    override fun showMessage(message: MessageParams) = println("server: ${message.message}")
    override fun logMessage(message: MessageParams) = println("server: ${message.message}")
    override fun showMessageRequest(request: ShowMessageRequestParams): CompletableFuture<MessageActionItem> =
        error("the server asks: ${request.message}")
}

/** A server of its own for a test, with the workspace [folder]. Closing it is what an IDE does when it quits. */
class RealServer(folder: Path, kubeconfig: Path?) : AutoCloseable {
    val told = Told()
    val process: Process = ProcessBuilder(dist().resolve(SERVER_PROGRAM).toString()).apply {
        environment()["KUBECONFIG"] = (kubeconfig ?: folder.resolve("no-kubeconfig")).toString()
        environment()["HOME"] = folder.toString()
        redirectError(ProcessBuilder.Redirect.INHERIT)
    }.start()
    val api: MirrordServer
    val greeting: InitializeResult

    init {
        val launcher = LSPLauncher.Builder<MirrordServer>()
            .setLocalService(told).setRemoteInterface(MirrordServer::class.java)
            .setInput(process.inputStream).setOutput(process.outputStream).create()
        launcher.startListening()
        api = launcher.remoteProxy
        greeting = api.initialize(
            InitializeParams().apply {
                capabilities = ClientCapabilities()
                workspaceFolders = listOf(WorkspaceFolder(folder.toUri().toString(), "test"))
            },
        ).soon()
        api.initialized(InitializedParams())
    }

    override fun close() {
        api.shutdown().soon()
        api.exit()
        check(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) { "the server has not ended" }
        check(process.exitValue() == 0) { "the server ended with ${process.exitValue()}" }
    }
}

/** The answer; it must come. */
fun <T> CompletableFuture<T>.soon(): T = get(LIMIT_SECONDS, TimeUnit.SECONDS)

/** The first that is as wanted; it must come. */
fun <T> LinkedBlockingQueue<T>.until(what: String, wanted: (T) -> Boolean): T {
    val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS)
    while (true) {
        val next = poll(end - System.nanoTime(), TimeUnit.NANOSECONDS) ?: error("this has not come: $what")
        if (wanted(next)) return next
    }
}
