package dev.mirrord.logic

import com.google.gson.JsonObject
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.CompletableFuture
import org.eclipse.lsp4j.DidOpenTextDocumentParams
import org.eclipse.lsp4j.TextDocumentItem
import org.eclipse.lsp4j.jsonrpc.services.JsonRequest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The real server, without a cluster. */
class ServerTest {
    @TempDir
    lateinit var folder: Path

    @Test
    fun `the server knows every request that we make`() = RealServer(folder, null).use { server ->
        val experimental = server.greeting.capabilities.experimental as JsonObject
        val known = experimental["mirrord"].asJsonObject["requests"].asJsonArray.map { it.asString }
        val ours = MirrordServer::class.java.declaredMethods.mapNotNull { it.getAnnotation(JsonRequest::class.java)?.value }
        assertEquals(emptyList<String>(), ours - known.toSet())
        assertEquals(4, ours.size)
    }

    @Test
    fun `problems of a configuration are told`() = RealServer(folder, null).use { server ->
        val uri = folder.resolve("mirrord.json").toUri().toString()
        assertTrue(isConfiguration(uri))
        server.api.textDocumentService.didOpen(
            DidOpenTextDocumentParams(TextDocumentItem(uri, "json", 1, """{ "targett": "pod/x" }""")),
        )
        val problem = server.told.problems.until("a problem") { it.uri == uri && it.diagnostics.isNotEmpty() }
        assertTrue(problem.diagnostics.first().message.contains("target"), problem.toString())
    }

    @Test
    fun `a cluster that is not there fails the launch with the server's sentence`() = RealServer(folder, null).use { server ->
        val reports = ArrayList<String>()
        val launches = Launches({ CompletableFuture.completedFuture(server.api) }, reports::add)
        val launch = Launch(Wish(target = "deployment/backend"), folder.toString())
        val failure = assertThrows(StartFailed::class.java) { launches.begin("app", launch) { false } }
        assertTrue(failure.message!!.contains("no-kubeconfig"), failure.message)
        assertEquals(null, launches.take("app"))
        assertEquals(emptyList<Session>(), server.api.sessions().soon().sessions.filter { it.pid == server.process.pid() })
        assertEquals(emptyList<String>(), reports)
    }

    @Test
    fun `a list without a cluster says why it is empty`() = RealServer(folder, null).use { server ->
        val shown = java.util.concurrent.LinkedBlockingQueue<Shown>()
        val list = TargetList(server.api::targets, Choice(), show = shown::put)
        list.refresh()
        val said = shown.until("an answer") { it.message != null }
        assertTrue(said.message!!.contains("no-kubeconfig"), said.message)
        assertEquals(emptyList<Row>(), said.rows)
    }

    @Test
    fun `a server that was started without a folder to be in is found and runs`() {
        val found = findServer(Surroundings(null, null, "relative:${dist()}", Files.createDirectory(folder.resolve("home")), emptyList()))
        val process = ProcessBuilder(found.toString(), "--version").start()
        assertTrue(process.inputReader().readText().startsWith("mirrord"))
        assertEquals(0, process.waitFor())
    }
}
