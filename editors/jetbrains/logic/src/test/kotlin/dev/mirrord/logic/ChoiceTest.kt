package dev.mirrord.logic

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

class ChoiceTest {
    private val shop = Chosen("deployment/shop/container/web", "staging", "kind")

    @Test
    fun `the button says what the next launch does`() {
        val cases = mapOf(
            Choice() to "mirrord: off",
            Choice(chosen = shop) to "mirrord: off",
            Choice(enabled = true) to "mirrord: on, no target yet",
            Choice(enabled = true, chosen = Chosen()) to "mirrord: on, target of the configuration",
            Choice(enabled = true, chosen = shop) to "mirrord: on, deployment/shop",
        )
        assertEquals(cases, cases.mapValues { (choice, _) -> choice.label() })
    }

    @Test
    fun `nothing is sent before the user has chosen`() {
        assertNull(Choice(enabled = true).wish())
        assertEquals(Wish(), Choice(chosen = Chosen()).wish())
        assertEquals(Wish("/w/m.json", shop.path, "staging", "kind"), Choice(chosen = shop, config = "/w/m.json").wish())
    }

    @Test
    fun `the last ten targets are remembered, each once`() {
        val many = (1..12).map { Chosen("pod/$it") }
        val choice = (many + many[4]).fold(Choice(), Choice::choose)
        assertEquals(listOf(5, 12, 11, 10, 9, 8, 7, 6, 4, 3).map { Chosen("pod/$it") }, choice.recent)
        assertEquals("deployment/shop/container/web in namespace staging of kind", shop.toString())
    }

    @Test
    fun `configurations are known by their names`() {
        val yes = listOf("/w/.mirrord/a.json", "/w/mirrord.yaml", "/w/my.mirrord.toml", "C:\\w\\.mirrord\\b.yml", "/w/mirrord.jsonc")
        val no = listOf("/w/.mirrord/readme.md", "/w/package.json", "/w/mirrord", "/.mirrord/x/a.json", "/w/mirrord.json.bak")
        assertEquals(yes, (yes + no).filter(::isConfiguration))
    }
}
