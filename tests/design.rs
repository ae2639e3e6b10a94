//! The whole design: elaboration and printing.
use mercury::config::Config;
use mercury::designs::Mercury;
use mercury::hdl::verilog;

#[test]
fn design_prints_and_passes_the_checks() {
    for name in Config::preset_names() {
        let config = Config::preset(name).unwrap();
        let top = Mercury::new(&config);
        let t = std::time::Instant::now();
        match verilog::print(&top, &config.top(), &verilog::Header::default()) {
            Err(e) => println!("{name}: {e}"),
            Ok(d) => {
                let dir = std::path::PathBuf::from("/tmp/rtlv").join(&config.name);
                std::fs::create_dir_all(&dir).unwrap();
                for m in &d.modules {
                    std::fs::write(dir.join(format!("{}.v", m.name)), &m.text).unwrap();
                }
                println!(
                    "{name} {} modules {} lines {:?}",
                    d.modules.len(),
                    d.lines(),
                    t.elapsed()
                );
            }
        }
    }
}
