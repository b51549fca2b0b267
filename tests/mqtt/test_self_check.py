"""The check of the own connection: deaf, twin, quarrel."""

from __future__ import annotations

from player.mqtt.self_check import DEAF, QUARREL, TWIN, SelfCheck


def check() -> SelfCheck:
    return SelfCheck(b"me", "bedroom", "lull/bedroom/cmd/self_check")


def found(one: SelfCheck, now_s: float, *, may_send: bool = True) -> list[tuple[str, bool]]:
    return [(finding.key, finding.text is not None) for finding in one.findings(now_s, may_send=may_send)]


def test_what_comes_back_is_no_problem() -> None:
    """Sent at once after the connection, then every five minutes."""
    one = check()
    assert not one.is_due(0.0)
    one.connected(10.0)
    assert one.is_due(10.0)
    assert not one.is_due(11.0)
    one.heard(b"me", 11.0)
    assert found(one, 100.0) == []
    assert one.wait_s(100.0) == 210.0
    assert one.is_due(310.0)


def test_what_does_not_come_back_is_a_problem_until_it_does() -> None:
    """After five seconds, told once; a later check that comes back clears it."""
    one = check()
    one.connected(0.0)
    assert one.is_due(0.0)
    assert one.wait_s(0.0) == 5.0
    assert found(one, 4.9) == []
    assert found(one, 5.0) == [(DEAF, True)]
    assert found(one, 9.0) == []
    assert one.is_due(300.0)
    one.heard(b"me", 300.1)
    assert found(one, 301.0) == [(DEAF, False)]


def test_a_broker_that_refuses_messages_proves_nothing() -> None:
    """The check may not have been sent at all."""
    one = check()
    one.connected(0.0)
    assert one.is_due(0.0)
    assert found(one, 8.0, may_send=False) == []


def test_another_speaker_of_this_name_is_named_and_answered() -> None:
    """So that it knows as well; once, and not for each of its answers. Forgotten when it is not heard for long."""
    one = check()
    one.connected(0.0)
    assert one.is_due(0.0)
    one.heard(b"me", 0.1)
    one.heard(b"you", 100.0)
    (finding,) = one.findings(100.0, may_send=True)
    assert finding.key == TWIN
    assert "'bedroom'" in str(finding.text)
    assert one.is_due(100.0)
    one.heard(b"you", 101.0)
    assert not one.is_due(101.0)
    one.heard(b"me", 101.0)
    assert one.is_due(120.0), "whether it is still there is asked every 20 s"
    one.heard(b"me", 120.1)
    one.heard(b"you", 120.1)
    assert found(one, 170.0) == []
    assert found(one, 171.0) == [(TWIN, False)]
    assert one.is_due(171.0)
    one.heard(b"me", 171.0)
    assert one.wait_s(171.0) == 300.0


def test_two_of_one_name_tell_each_other_and_come_to_rest() -> None:
    """Whoever comes second is answered by the first; then both are quiet."""
    first, second = SelfCheck(b"a", "x", "t"), SelfCheck(b"b", "x", "t")
    first.connected(0.0)
    assert first.is_due(0.0)
    second.connected(60.0)
    sent = 0
    for step in range(100):
        now_s = 60.0 + step * 0.1
        for sender, name in ((second, b"b"), (first, b"a")):
            if sender.is_due(now_s):
                sent += 1
                first.heard(name, now_s)
                second.heard(name, now_s)
    assert sent == 2
    assert found(first, 70.0) == found(second, 70.0) == [(TWIN, True)]


def test_connections_that_end_at_once_again_and_again_are_a_quarrel() -> None:
    """Three within five minutes; an hour without one and it is over. A broker that is away is none."""
    one = check()
    for at_s in (0.0, 20.0, 40.0):
        one.connected(at_s)
        one.disconnected(at_s + 5.0, "session taken over")
    (finding,) = one.findings(46.0, may_send=True)
    assert finding.key == QUARREL
    assert str(finding.text).index("on this machine") < str(finding.text).index("machine id")
    assert "session taken over" in str(finding.text)
    one.connected(50.0)
    assert found(one, 649.0)[-1:] != [(QUARREL, False)]
    assert (QUARREL, False) in found(one, 651.0)
    away = check()
    for at_s in range(20):
        away.disconnected(float(at_s), "connection refused")
    assert away.findings(30.0, may_send=True) == ()
