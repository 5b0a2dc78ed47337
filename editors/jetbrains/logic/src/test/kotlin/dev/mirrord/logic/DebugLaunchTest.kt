package dev.mirrord.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class DebugLaunchTest {
    private val choice = Choice(enabled = true, chosen = Chosen("pod/x", "ns"))
    private val picked = mapOf("target" to "pod/x", "namespace" to "ns")

    private fun mirrord(written: Any?, choice: Choice = this.choice) =
        withChoice(if (written == null) mapOf("a" to 1) else mapOf("a" to 1, "mirrord" to written), choice)["mirrord"]

    @Test
    fun `what is written in a launch beats what is chosen in the IDE`() {
        assertEquals(picked, mirrord(null))
        assertEquals(picked + ("key" to "me"), mirrord(mapOf("key" to "me")))
        assertEquals(mapOf("target" to "pod/y"), mirrord(mapOf("target" to "pod/y")))
        assertEquals(mapOf("config" to "f"), mirrord(mapOf("config" to "f")))
        assertEquals(mapOf("session" to "1"), mirrord(mapOf("session" to "1")))
        assertEquals(picked, mirrord(true))
    }

    @Test
    fun `off is off, in the launch and in the IDE`() {
        assertEquals(false, mirrord(false))
        assertEquals(false, mirrord(null, Choice(chosen = Chosen("pod/x"))))
        assertEquals(mapOf("target" to "pod/y"), mirrord(mapOf("target" to "pod/y"), Choice()))
    }
}
