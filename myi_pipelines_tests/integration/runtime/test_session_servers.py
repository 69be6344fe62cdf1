from myi_pipelines_tests.support import shared_servers

DEAD = "999999999-1"


def test_the_servers_of_a_killed_test_session_are_ended_by_the_next() -> None:
    folder = shared_servers.sessions_folder() / DEAD
    folder.mkdir(parents=True, exist_ok=True)
    dead = shared_servers.session_servers(folder).servers
    dead.redis.start()
    shared_servers.end_dead_sessions()
    assert not folder.exists()
    assert dead.redis.pid() is None
