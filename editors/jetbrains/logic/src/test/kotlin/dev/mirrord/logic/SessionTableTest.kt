package dev.mirrord.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

class SessionTableTest {
    @Test
    fun `a session fits a line`() {
        val session = Session(
            "1", "debug", 7, "pod/a in namespace b", "degraded", "silent", true, 4000, 2, 812, Latency(1240, 4000),
            listOf(Port(80, "127.0.0.1:8080", "steal")), listOf(Request(80, "10.0.0.7:41234", "steal", 61)),
        )
        val line = "1 (debug)|pod/a in namespace b|degraded, at a breakpoint: silent|1 h 6 min|2|80 ← 8080 (steal)|" +
            "10.0.0.7:41234 to 80, 1 min ago|812, 1.2 ms"
        assertEquals(line, cells(session).joinToString("|"))
        assertEquals("s||starting|0 s|0|||0", cells(Session("s", state = "starting")).joinToString("|"))
    }

    @Test
    fun `only what changes results is said aloud`() {
        assertEquals(Notice("t", false), notice(Event("1", "warning", text = "t")))
        assertEquals(Notice("t", false), notice(Event("1", "state", "degraded", "t")))
        assertEquals(Notice("t", true), notice(Event("1", "state", "lost", "t")))
        val quiet = listOf(Event("1", "state", "connected", "t"), Event("1", "step", text = "t"), Event("1", "info", text = "t"))
        (quiet + Event("1", "warning")).forEach { assertNull(notice(it)) }
    }
}
