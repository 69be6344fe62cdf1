from myi_pipelines_tests.sync.test_enriching import *
def test_x(lab):
    lab.import_plays(some_tracks(lab, 80))
    e = lab.enrich()
    al={t.id:(t.name,t.album_id[:4],t.artist_ids) for t in lab.tracks}
    alb={a.id:(a.name,len(a.track_ids)) for a in lab.simulator.control.catalog().albums}
    print(e)
    for r in lab.asked():
        i=r.path.strip('/').split('/')[-1]
        print(r.path[:20], r.query[:20], r.status, r.family, al.get(i) or alb.get(i), [alb[t.album_id] for t in lab.tracks if t.id==i])
    print(lab.simulator.control.catalog().relinked, lab.simulator.control.catalog().gone)
