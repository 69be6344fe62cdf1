from myi_pipelines_tests import servers

DEAD = "999999999-1"


def test_the_servers_of_a_killed_test_session_are_ended_by_the_next() -> None:
    folder = servers.sessions_folder() / DEAD
    folder.mkdir(parents=True, exist_ok=True)
    dead = servers.session_servers(folder).servers
    dead.redis.start()
    servers.end_dead_sessions()
    assert not folder.exists()
    assert dead.redis.pid() is None
