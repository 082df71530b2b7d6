//! Frames of jobs, on their way to whatever draws: from a program into a slot of the host.

use std::{fs, path::Path, sync::Arc};

use serde_json::json;
use tokio::runtime::Handle;
use zi::{
    bundle::Bundle,
    extensions::{Extension, Root, Source},
    hooks::Event,
    host::{Flags, Front, Host, HostParts, Level},
    journal::Journal,
    paths::Dirs,
    session::Session,
    settings::Settings,
};
use zi_kernel::surface::{Cell, Frame, Slot, scale_to_cells};
use zi_testkit::PATIENCE;

#[derive(Debug)]
struct Quiet;

impl Front for Quiet {
    fn mode(&self) -> &'static str {
        "test"
    }
    fn event(&self, _: &Event) {}
    fn notice(&self, _: Level, _: &str) {}
}

/// A host whose user has the extension `painter`, which starts `script` as its session starts.
fn host(home: &Path) -> Arc<Host> {
    let dirs = Dirs {
        config: home.to_owned(),
        data: home.join("data"),
        state: home.join("state"),
        cache: home.join("cache"),
        system: Vec::new(),
    };
    Host::new(HostParts {
        io: Handle::current(),
        roots: vec![Root { source: Source::User, dir: home.to_owned() }],
        dirs,
        cwd: home.to_owned(),
        settings: Settings::default(),
        flags: Flags::default(),
        bundle: Bundle::empty(),
        session: Session::new(Journal::create(home, None, None)),
        front: Box::new(Quiet),
        inherited_switches: Vec::new(),
        explicit: Vec::new(),
        recheck_trust: false,
    })
}

fn write_painter(home: &Path, script: &str) {
    let job = json!(script);
    let text = format!(
        "zi.on('job_stdout', function(event) error('Lua heard ' .. event.data) end)
         zi.on('session_start', function()
           zi.job.start({{
             argv = {{ 'sh', '-c', {job} }},
             stdout = {{ mode = 'ui_frame', view = 'v', node = 'n', protocol = 'zi-halfblock-rgb-v1' }},
           }})
         end)"
    );
    fs::create_dir_all(home.join("extensions")).expect("a folder");
    fs::write(home.join("extensions/painter.lua"), text).expect("it writes");
}

fn painter(host: &Host) -> Arc<Extension> {
    host.registry.handlers("session_start")[0].owner.clone()
}

async fn wait_for_frames(host: &Host, owner: &Extension, count: u64) -> (Arc<Slot>, Arc<Frame>) {
    let waiting = async {
        loop {
            if let Some(slot) = host.surfaces.slot(owner, "v", "n")
                && let Some((generation, frame)) = slot.newer_than(0)
                && generation == count
            {
                return (slot, frame);
            }
            host.surfaces.changed().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the frames come")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_frame_of_a_job_reaches_its_slot_and_goes_with_the_extension() {
    let home = tempfile::tempdir().expect("a folder");
    let host = host(home.path());
    write_painter(
        home.path(),
        "printf 'HALFBLOCK 1 1 6\\nabcdefHALF'; sleep 0.02
         printf 'BLOCK 9 9 9\\n noise HALFBLOCK 2 1 12\\nABC'; sleep 0.02
         printf 'DEFGHIJKL'; exec sleep 1000",
    );
    host.reload(None).await;
    let first = painter(&host);
    let (_, frame) = wait_for_frames(&host, &first, 2).await;
    let cells = scale_to_cells(&frame, 2, 1, [0; 3]).cells;
    let cell = |fg: &[u8; 3], bg: &[u8; 3]| Cell { fg: *fg, bg: *bg };
    assert_eq!(cells, [cell(b"ABC", b"DEF"), cell(b"GHI", b"JKL")]);
    assert!(host.surfaces.slot(&first, "v", "other").is_none());
    assert_eq!(first.errors(), 0);
    let log = fs::read_to_string(home.path().join("state/logs/painter.log")).expect("a log");
    assert_eq!(log.matches("bad record at byte 22:").count(), 1, "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");

    write_painter(home.path(), "printf 'HALFBLOCK 1 1 6\\nuvwxyz'");
    host.reload(None).await;
    let second = painter(&host);
    assert!(!Arc::ptr_eq(&first, &second));
    let (_, frame) = wait_for_frames(&host, &second, 1).await;
    assert_eq!(frame.data(), b"uvwxyz");
    assert!(host.surfaces.slot(&first, "v", "n").is_none(), "the old build's frames are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_frames_keeps_the_last_one() {
    let home = tempfile::tempdir().expect("a folder");
    let host = host(home.path());
    // 2,000 frames of 4,800 cells, far more than anything draws in that time.
    write_painter(
        home.path(),
        "data=$(head -c 28800 /dev/zero | tr '\\0' x); i=0
         while [ $i -lt 2000 ]; do printf 'HALFBLOCK 120 40 28800\\n%s' \"$data\"; i=$((i+1)); done
         printf 'HALFBLOCK 1 1 6\\nlast..'",
    );
    host.reload(None).await;
    let (slot, frame) = wait_for_frames(&host, &painter(&host), 2001).await;
    assert_eq!((frame.size(), frame.data()), ((1, 1), &b"last.."[..]));
    assert_eq!(slot.generation(), 2001);
}
