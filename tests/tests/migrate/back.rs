//! The way back.

use std::time::Duration;

use local::migrate::Options;
use tests::Generation;

use crate::scene::{A, DEAD, J1, J2, J3, PAUSED, Scene, X, options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_job_that_works_and_is_not_called_running_keeps_nobody() {
    let scene = Scene::start(Generation::Merged).await;
    let (_, said) = scene.run(options()).await;
    scene.settled(&[J1, J2, J3], &said).await;
    scene.world.mislabel(J1);
    let world = scene.world.clone();
    let writes = tokio::spawn(async move {
        loop {
            world.write(A, 1);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let (complete, said) = scene
        .back(Options {
            drop_new_table: true,
            ..options()
        })
        .await;
    writes.abort();
    assert!(complete, "{said}");
    assert!(
        said.contains(&format!("{J1}  runs on the old side again")),
        "{said}"
    );
    assert!(
        said.contains("a task of it is not called running there"),
        "{said}"
    );
    assert_eq!(scene.world.violations(), Vec::<String>::new(), "{said}");
    assert!(scene.world.is_complete(J1), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_and_there_again_loses_nothing() {
    let scene = Scene::start(Generation::Merged).await;
    let (_, said) = scene.run(options()).await;
    scene.settled(&[J1, J2, J3], &said).await;

    // Never silently.
    let (complete, said) = scene.back(options()).await;
    assert!(!complete && said.contains("--drop-new-table"), "{said}");
    assert_eq!(scene.world.tables(X), (false, true));
    scene.settled(&[J1, J2, J3], &said).await;

    let back = Options {
        drop_new_table: true,
        ..options()
    };
    let (complete, said) = scene.back(back.clone()).await;
    assert!(complete, "{said}");
    scene.world.write(A, 3);
    assert_eq!(scene.world.violations(), Vec::<String>::new(), "{said}");
    for id in [J1, J2, J3] {
        assert_eq!(scene.world.status(id), "running", "{said}");
        assert!(scene.world.is_complete(id), "{said}");
        assert_eq!(scene.status_anew(id).await, None, "{said}");
    }
    assert_eq!(scene.world.status(PAUSED), "pause");
    assert_eq!(scene.world.tables(X), (true, false));

    let (_, said) = scene.run(options()).await;
    scene.settled(&[J1, J2, J3], &said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_start_on_the_way_back_is_called_what_it_is() {
    let scene = Scene::start(Generation::Merged).await;
    let with_dead = Options {
        with_dead: true,
        drop_new_table: true,
        ..options()
    };
    let (complete, said) = scene.run(with_dead.clone()).await;
    assert!(complete, "{said}");
    let (complete, said) = scene.back(with_dead).await;
    assert!(complete, "{said}");
    for (id, status) in [(DEAD, "dead"), (PAUSED, "paused")] {
        let told = format!("{id}  is {status} on the old side as before");
        assert!(said.contains(&told), "{said}");
    }
}
