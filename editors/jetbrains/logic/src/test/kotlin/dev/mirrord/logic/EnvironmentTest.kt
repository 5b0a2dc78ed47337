package dev.mirrord.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class EnvironmentTest {
    private val session = Injection(
        set = mapOf("LD_PRELOAD" to "layer", "DB" to "remote"), unset = listOf("HOME", "DB"), launcher = listOf("/m", "launch"),
    )

    @Test
    fun `the session beats the launch, which beats the IDE`() {
        val own = Environment(mapOf("DB" to "local", "A" to "1"), inherits = true)
        val result = session.applyTo(own, mapOf("PATH" to "/bin"))
        assertEquals(Environment(mapOf("A" to "1", "LD_PRELOAD" to "layer", "DB" to "remote"), inherits = true), result)
    }

    @Test
    fun `a variable of the IDE goes, and the rest stays`() {
        val parent = mapOf("HOME" to "/h", "PATH" to "/bin", "A" to "0")
        val result = session.applyTo(Environment(mapOf("A" to "1"), inherits = true), parent)
        val left = mapOf("PATH" to "/bin", "A" to "1", "LD_PRELOAD" to "layer", "DB" to "remote")
        assertEquals(Environment(left, inherits = false), result)
        assertEquals(listOf("HOME"), session.staying(parent))
        assertEquals(listOf("/usr/bin/env", "-u", "HOME", "/m", "launch"), session.prefix(parent))
    }

    @Test
    fun `a launch that inherits nothing stays so`() {
        val result = session.applyTo(Environment(mapOf("HOME" to "/x"), inherits = false), mapOf("HOME" to "/h"))
        assertEquals(Environment(session.set, inherits = false), result)
        assertEquals(listOf("/m", "launch"), session.prefix(emptyMap()))
    }
}
