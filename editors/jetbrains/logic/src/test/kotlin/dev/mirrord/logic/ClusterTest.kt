package dev.mirrord.logic

import java.nio.file.Path
import java.util.concurrent.CancellationException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The real server before a real cluster with the namespace `shop`. */
class ClusterTest {
    @TempDir
    lateinit var folder: Path
    private var running: RealServer? = null
    private val reports = LinkedBlockingQueue<String>()
    private val server get() = running!!
    private val launches by lazy { Launches({ CompletableFuture.completedFuture(server.api) }, reports::put) }
    private val backend = Launch(Wish(target = "deployment/backend", namespace = "shop"), debugger = ProcessHandle.current().pid())

    @BeforeEach
    fun start() {
        running = RealServer(folder, cluster())
    }

    @AfterEach
    fun end() {
        running?.close()
        assertEquals(emptyList<String>(), reports.toList())
    }

    @Test
    fun `a program runs as if it were in the pod, and its session ends`() {
        val injection = launches.begin("app", backend) { false }
        assertTrue(injection.target.startsWith("pod/backend-"), injection.target)
        val there = injection.target.substringAfter("pod/").substringBefore('/')
        // As the IDE starts programs that load libraries, and as it starts Go programs.
        for (prefix in listOf(emptyList(), injection.prefix(emptyMap()))) {
            assertEquals(there, run(prefix + listOf("/bin/cat", "/etc/hostname"), injection))
        }
        val seen = server.api.sessions().soon().sessions.single { it.pid == server.process.pid() }
        assertEquals(injection.session to "connected", seen.session to seen.state)
        assertTrue(seen.programs >= 2 && seen.by == "editor" && cells(seen).size == SESSION_COLUMNS.size, seen.toString())

        assertEquals(injection.session, launches.take("app"))
        launches.stop(injection.session)
        server.told.events.until("the end") { it.session == injection.session && it.state == "stopped" }
        assertEquals(null, launches.take("app"))
    }

    @Test
    fun `a launch whose process never came does not keep its session`() {
        val first = launches.begin("app", backend) { false }
        val second = launches.begin("app", backend) { false }
        assertNotEquals(first.session, second.session)
        server.told.events.until("the end of the first") { it.session == first.session && it.state == "stopped" }
        assertEquals(second.session, launches.take("app"))
    }

    @Test
    fun `a cancelled start leaves nothing`() {
        assertThrows(CancellationException::class.java) { launches.begin("app", backend) { true } }
        assertEquals(null, launches.take("app"))
        val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS)
        while (server.api.sessions().soon().sessions.any { it.pid == server.process.pid() }) {
            check(System.nanoTime() < end) { "the session goes on" }
            Thread.sleep(50)
        }
    }

    @Test
    fun `a target that is not there fails with the server's sentence`() {
        val launch = Launch(Wish(target = "deployment/nobody", namespace = "shop"))
        val failure = assertThrows(StartFailed::class.java) { launches.begin("app", launch) { false } }
        assertTrue(failure.message!!.contains("nobody") && !failure.message!!.contains("Exception"), failure.message)
    }

    @Test
    fun `the list follows what is typed and chosen`() {
        val shown = LinkedBlockingQueue<Shown>()
        val before = Choice().choose(Chosen("deployment/api", "shop"))
        val list = TargetList(server.api::targets, before, show = shown::put)
        list.refresh()
        val first = shown.until("the first page") { it.rows.isNotEmpty() }
        assertEquals("shop", first.namespace)
        assertTrue(first.namespaces.containsAll(listOf("default", "shop")), first.toString())
        assertEquals(listOf(FROM_FILE, "deployment/api"), first.rows.take(2).map { it.chosen.path })
        assertEquals(1, first.rows.count { it.chosen.path == "deployment/api" })
        val row = first.rows.first { it.chosen.path == "deployment/backend" }
        assertEquals(Row(Chosen("deployment/backend", "shop"), "deployment/backend", "1 of 1 ready", true), row)

        // Names that a cluster makes up have no vowels: they never match by chance.
        list.filter("bacnd")
        val narrow = shown.until("fewer") { page -> page.rows.isNotEmpty() && page.rows.all { "backend" in it.text } }
        assertEquals("deployment/backend", narrow.rows.first().text)
        list.kind("pod")
        shown.until("pods") { page -> page.rows.isNotEmpty() && page.rows.all { it.text.startsWith("pod/backend-") } }
        list.filter("")
        list.kind(null)
        list.namespace("kube-system")
        val other = shown.until("another namespace") { it.namespace == "kube-system" && it.message == null }
        assertTrue(other.rows.any { it.text == "deployment/coredns" }, other.toString())
        list.context("no-such-context")
        val wrong = shown.until("why not") { it.message != null }
        assertTrue(wrong.message!!.contains("no-such-context"), wrong.message)
        list.close()
    }

    private fun run(command: List<String>, injection: Injection): String {
        val process = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT)
        val patched = injection.applyTo(Environment(emptyMap(), true), process.environment().toMap())
        if (!patched.inherits) process.environment().clear()
        process.environment().putAll(patched.variables)
        val started = process.start()
        val said = started.inputReader().readText().trim()
        assertEquals(0, started.waitFor(), "$command")
        assertFalse(said.isEmpty())
        return said
    }
}
