//! KMS keys for every age tool: the plugin with stock age and rage, the protocol's corners with a scripted client, and the same
//! recipients and identities in envpipe itself.

use std::fs::{read, write};
use std::os::unix::fs::symlink;
use std::path::Path;

use envpipe::format::context::Context;
use envpipe::format::header::Header;
use envpipe::format::kms_stanza::KmsStanza;
use envpipe::format::stanza::Stanza;
use envpipe::keys::plugin_key::{Identity, Recipient};
use tempfile::TempDir;

use crate::support::emulator::{REGION, emulator, with_kms, with_kms_at};
use crate::support::{ENVPIPE, Finished, Run, bytes, envpipe, folder, has, identity};

/// The Makefile installs it.
const RAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/bin/rage");

/// The age clients that are there; where one is not, the test says so, and in CI it fails.
fn clients() -> Vec<&'static str> {
    ["age", RAGE].into_iter().filter(|client| has(client)).collect()
}

/// A host that has the plugin on its path.
struct Host(TempDir);

impl Host {
    fn new() -> Self {
        let folder = folder();
        symlink(ENVPIPE, folder.path().join("age-plugin-envpipe")).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A program on it, with the emulator's KMS at `at`.
    fn run(&self, at: &str, program: &str, args: &[&str]) -> Run {
        let path = format!("{}:{}", self.path().display(), std::env::var("PATH").unwrap());
        let run = Run::new(program, args).envs(&emulator().environment(at)).env("PATH", path);
        run.within(self.path())
    }

    /// The plugin, which is told `said` by its client.
    fn plugin(&self, at: &str, machine: &str, said: &str) -> Run {
        let program = self.path().join("age-plugin-envpipe");
        self.run(at, program.to_str().unwrap(), &[&format!("--age-plugin={machine}")]).input(said)
    }

    /// Writes what envpipe prints, and gives the last line of it.
    fn print(&self, name: &str, args: &[&str]) -> String {
        let text = envpipe(args).envs(&emulator().environment("")).ok();
        write(self.path().join(name), &text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("# ") && text.lines().count() == 2, "{text}");
        text.lines().last().unwrap().to_owned()
    }
}

#[test]
fn what_age_and_rage_seal_envpipe_opens_and_the_other_way_round() {
    let host = Host::new();
    let recipient = host.print("recipients", &["recipient", "-k", "alias/backup", "-c", "app=db ops"]);
    host.print("identity", &["identity", "-k", "alias/backup"]);
    for client in clients() {
        for armor in [&[][..], &["-a"]] {
            for to in [["-r", &recipient], ["-R", "recipients"]] {
                let args = [&["-e"], &to[..], armor].concat();
                let sealed = host.run("", client, &args).input(bytes(200_000)).ok();
                let open = with_kms(["open", "-k", "alias/backup", "-c", "app=db ops"]).input(sealed.clone());
                assert!(open.ok() == bytes(200_000), "{client} {args:?}");
                let opened = host.run("", client, &["-d", "-i", "identity"]).input(sealed).ok();
                assert!(opened == bytes(200_000), "{client} {args:?}");
            }
        }
        let sealed = with_kms(["seal", "-k", "alias/backup"]).input(bytes(200_000)).ok();
        assert!(host.run("", client, &["-d", "-i", "identity"]).input(sealed).ok() == bytes(200_000));
    }
}

#[test]
fn a_stream_of_a_client_has_the_stanza_of_seal() {
    let host = Host::new();
    let recipient = host.print("recipients", &["recipient", "-k", "alias/backup", "-c", "b=2", "-c", "a=1"]);
    for client in clients() {
        let sealed = host.run("count-client-seals", client, &["-e", "-r", &recipient]).input("plain").ok();
        let header = Header::parse(&sealed[..Header::end(&sealed, 0).unwrap()]).unwrap();
        let [stanza] = &KmsStanza::parse_all(&header.stanzas).unwrap()[..] else { panic!("not one stanza") };
        assert_eq!(stanza.key.to_string(), emulator().arn("backup"));
        assert_eq!(stanza.context.encode().collect::<Vec<_>>(), ["a=1", "b=2"]);
    }
    assert!(emulator().calls("count-client-seals").iter().all(|call| call == "GenerateDataKey"));
}

#[test]
fn a_file_opens_by_a_kms_key_or_an_x25519_identity() {
    let host = Host::new();
    let recipient = host.print("recipients", &["recipient", "-k", "alias/backup"]);
    let far = host.print("far", &["recipient", "-k", emulator().arn("far")]);
    host.print("kms", &["identity", "-k", "alias/backup"]);
    host.print("kms-far", &["identity", "-k", emulator().arn("far")]);
    host.print("kms-other", &["identity", "-k", "alias/other"]);
    let (x25519, public) = identity(&host.0);
    for client in clients() {
        let to = ["-e", "-r", &recipient, "-r", &public, "-r", &far];
        let sealed = host.run("", client, &to).input("plain").ok();
        for identities in [
            &["-i", "kms"][..],
            &["-i", "kms-far"],
            &["-i", &x25519],
            // One that does not fit is passed over, without a word and without a call.
            &["-i", "kms-other", "-i", "kms"],
            &["-i", "kms-other", "-i", &x25519],
        ] {
            let args = [&["-d"], identities].concat();
            let opened = host.run("", client, &args).input(sealed.clone()).ok();
            assert_eq!(opened, b"plain", "{client} {identities:?}");
            let args = [&["open"], identities].concat();
            assert_eq!(host.run("", ENVPIPE, &args).input(sealed.clone()).ok(), b"plain", "{identities:?}");
        }
        let finished =
            host.run("count-other-identity", client, &["-d", "-i", "kms-other"]).input(sealed).run();
        assert!(!finished.0.status.success());
        finished.writes_nothing();
    }
    assert!(emulator().calls("count-other-identity").is_empty(), "KMS was asked all the same");
}

#[test]
fn an_identity_without_keys_uses_those_of_the_environment() {
    let host = Host::new();
    let printed = host.print("identity", &["identity"]);
    assert_eq!(Identity::parse(&printed), Ok(Identity::Environment));
    for client in clients() {
        let run = |args: &[&str]| host.run("", client, args).env("ENVPIPE_KEY", "alias/backup alias/other");
        // rage takes -j to decrypt alone.
        let sealed = match client {
            "age" => run(&["-e", "-j", "envpipe"]),
            _ => run(&["-e", "-i", "identity"]),
        };
        let sealed = sealed.input("plain").ok();
        for key in ["alias/backup", "alias/other"] {
            assert_eq!(with_kms(["open", "-k", key]).input(sealed.clone()).ok(), b"plain", "{client}, {key}");
        }
        for args in [["-d", "-j", "envpipe"], ["-d", "-i", "identity"]] {
            assert_eq!(run(&args).input(sealed.clone()).ok(), b"plain", "{client} {args:?}");
            let any = host.run("", client, &args).env("ENVPIPE_KEY", "any").input(sealed.clone());
            assert_eq!(any.ok(), b"plain", "{client} {args:?}");
            let without = host.run("count-no-key-for-client", client, &args).input(sealed.clone()).run();
            let hint = format!("ENVPIPE_KEY={}", emulator().arn("backup"));
            assert!(without.stderr().contains("ENVPIPE_KEY is empty"), "{client}: {}", without.stderr());
            assert!(without.stderr().contains(&hint), "{client}: {}", without.stderr());
            without.writes_nothing();
        }
    }
    assert!(emulator().calls("count-no-key-for-client").is_empty());
    let sealed = with_kms(["seal", "-k", "alias/backup"]).input("plain").ok();
    let open = |key: &str| host.run("", ENVPIPE, &["open", "-i", "identity"]).env("ENVPIPE_KEY", key);
    assert_eq!(open("alias/backup").input(sealed.clone()).ok(), b"plain");
    let finished = open("").input(sealed).run();
    finished.fails(2, "no key is named to open this stream with", "if you trust that key").writes_nothing();
    let seal = host.run("", ENVPIPE, &["seal", "-i", "identity"]).input("plain").run();
    seal.fails(2, "no key is named to seal under", "ENVPIPE_KEY").writes_nothing();
}

#[test]
fn a_client_shows_what_kms_has_said() {
    let host = Host::new();
    let recipient = host.print("recipients", &["recipient", "-k", "alias/backup"]);
    host.print("identity", &["identity", "-k", "alias/backup"]);
    let sealed = with_kms(["seal", "-k", "alias/backup"]).input("plain").ok();
    for client in clients() {
        for (args, operation) in
            [(["-e", "-r", &recipient], "GenerateDataKey"), (["-d", "-i", "identity"], "Decrypt")]
        {
            let run = host.run("AccessDeniedException", client, &args).input(sealed.clone()).run();
            let message = format!("kms:{operation} with {} in {REGION} failed: ", emulator().arn("backup"));
            let stderr = run.stderr();
            assert!(!run.0.status.success());
            assert!(stderr.contains(&message), "{client} {args:?}: {stderr}");
            assert!(stderr.contains("AccessDeniedException: because the test asked for it"), "{stderr}");
            assert!(stderr.contains(&format!("allow kms:{operation}")), "{stderr}");
            run.writes_nothing();
        }
    }
}

/// The stanzas that the plugin sends, each as its arguments and its body as text.
fn sent(finished: &Finished) -> Vec<(String, Vec<u8>)> {
    let mut lines = finished.0.stdout.split(|b| *b == b'\n');
    let mut stanzas = Vec::new();
    while let Some(first) = lines.next().filter(|line| !line.is_empty()) {
        let Stanza { args, body } = Stanza::parse(first, &mut lines).unwrap();
        stanzas.push((args.join(" "), body));
    }
    stanzas
}

/// A conversation that goes to its end: what the plugin sends, its text for people cut off behind the first line.
#[track_caller]
fn conversation(host: &Host, at: &str, machine: &str, said: &str) -> Vec<String> {
    let finished = host.plugin(at, machine, said).run();
    assert_eq!((finished.0.status.code(), finished.stderr()), (Some(0), String::new()));
    let mut sent: Vec<_> = sent(&finished)
        .into_iter()
        .map(|(args, body)| match args.starts_with("error") || args == "msg" {
            true => format!("{args}: {}", String::from_utf8(body).unwrap().lines().next().unwrap()),
            false => args,
        })
        .collect();
    assert_eq!(sent.pop().as_deref(), Some("done"));
    sent
}

/// 16 bytes.
const FILE_KEYS: [&str; 2] = ["AAECAwQFBgcICQoLDA0ODw", "EBESExQVFhcYGRobHB0eHw"];

/// More answers than there are questions.
fn oks() -> String {
    "-> ok\n\n".repeat(40)
}

fn recipient(key: &str, pairs: &[(&str, &str)]) -> String {
    let mut context = Context::default();
    pairs.iter().for_each(|(name, value)| context.insert(name, value).unwrap());
    Recipient { key: emulator().arn(key).parse().unwrap(), context }.to_string()
}

fn keys(names: &[&str]) -> String {
    Identity::Keys(names.iter().map(|name| emulator().arn(name).parse().unwrap()).collect()).to_string()
}

#[test]
fn several_files_cost_one_data_key_for_each_recipient_and_one_decryption() {
    let host = Host::new();
    let (one, two) = (recipient("backup", &[]), recipient("other", &[("app", "x")]));
    let said = format!(
        "-> add-recipient {one}\n\n-> grease-1 x y\nAAAA\n-> wrap-file-key\n{}\n-> add-recipient {two}\n\n\
         -> wrap-file-key\n{}\n-> extension-labels\n\n-> done\n\n{}",
        FILE_KEYS[0],
        FILE_KEYS[1],
        oks()
    );
    let finished = host.plugin("count-wrap", "recipient-v1", &said).run();
    assert_eq!((finished.0.status.code(), finished.stderr()), (Some(0), String::new()));
    let calls = emulator().calls("count-wrap");
    assert_eq!(calls, ["GenerateDataKey", "GenerateDataKey"]);
    let stanzas = sent(&finished);
    let kinds: Vec<_> =
        stanzas.iter().map(|(args, _)| args.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect();
    let of_file = |i: u8| format!("recipient-stanza {i} envpipe/aws-kms");
    assert_eq!(kinds, ["labels".into(), of_file(0), of_file(0), of_file(1), of_file(1), "done".into()]);

    // The same stanzas, to be unwrapped; the body in lines as it was.
    let text = String::from_utf8(finished.0.stdout).unwrap();
    let stanzas = &text[text.find("-> recipient-stanza").unwrap()..text.find("-> done").unwrap()];
    for identities in
        [vec![keys(&["backup"])], vec![keys(&["other"])], vec![keys(&["far"]), keys(&["other"])]]
    {
        let added: String = identities.iter().map(|text| format!("-> add-identity {text}\n\n")).collect();
        let said = format!("{added}{stanzas}-> grease\n\n-> done\n\n{}", oks());
        let at = format!("count-unwrap-{}", identities.concat().len());
        let finished = host.plugin(&at, "identity-v1", &said).run();
        let expected =
            format!("-> file-key 0\n{}\n-> file-key 1\n{}\n-> done\n\n", FILE_KEYS[0], FILE_KEYS[1]);
        assert_eq!(String::from_utf8(finished.0.stdout).unwrap(), expected);
        assert_eq!(emulator().calls(&at).first().map(String::as_str), Some("Decrypt"));
    }
    // Of two identities of one length, both asked once.
    let lengths = [keys(&["backup"]).len(), keys(&["other"]).len()];
    let asked: usize = lengths.iter().map(|len| emulator().calls(&format!("count-unwrap-{len}")).len()).sum();
    assert_eq!(asked, if lengths[0] == lengths[1] { 4 } else { 2 });
}

#[test]
fn what_is_wrong_with_recipients_and_identities_is_said_of_each() {
    let host = Host::new();
    let good = recipient("backup", &[]);
    let typo = format!("{}q", &good[..good.len() - 1]);
    let wrap = |commands: &str| {
        let said = format!("{commands}-> wrap-file-key\n{}\n-> done\n\n{}", FILE_KEYS[0], oks());
        conversation(&host, "count-malformed-recipients", "recipient-v1", &said)
    };
    let mistyped = "a character is missing or mistyped";
    assert_eq!(
        wrap(&format!("-> add-recipient {good}\n\n-> add-recipient {typo}\n\n-> add-identity age1x\n\n")),
        [
            format!("error recipient 1: not a recipient of a KMS key: {mistyped}"),
            format!("error identity 0: not an identity of KMS keys: {mistyped}"),
        ]
    );
    let without_data = Identity::Environment.to_string();
    assert_eq!(
        wrap(&format!("-> add-identity {without_data}\n\n")),
        ["error identity 0: no KMS key is named: ENVPIPE_KEY is empty"]
    );
    assert_eq!(
        wrap(&format!("-> add-recipient {good}\n\n").repeat(17)),
        ["error internal: 17 KMS keys are named, and a file has at most 16"]
    );
    let said = format!("-> add-identity {good}\n\n-> done\n\n{}", oks());
    assert_eq!(
        conversation(&host, "count-malformed-recipients", "identity-v1", &said),
        [format!("error identity 0: not an identity of KMS keys: {mistyped}")]
    );
    assert!(emulator().calls("count-malformed-recipients").is_empty());
}

#[test]
fn a_recipient_that_kms_refuses_is_named_and_no_stanza_is_sent() {
    let host = Host::new();
    let (near, far) = (recipient("backup", &[]), recipient("far", &[]));
    let said = format!(
        "-> add-recipient {near}\n\n-> add-recipient {far}\n\n-> wrap-file-key\n{}\n-> done\n\n{}",
        FILE_KEYS[0],
        oks()
    );
    let [error] = &conversation(&host, "refused-us-east-1", "recipient-v1", &said)[..] else { panic!() };
    let message = format!(
        "error recipient 1: kms:GenerateDataKey with {} in us-east-1 failed: ",
        emulator().arn("far")
    );
    assert!(error.starts_with(&message), "{error}");
}

/// What `seal` with these options writes, as the commands of a client that wants it unwrapped as the file `index`.
fn recipient_stanzas(index: usize, sealed: &[u8]) -> String {
    let header = String::from_utf8_lossy(&sealed[..Header::end(sealed, 0).unwrap()]).into_owned();
    let stanzas = header.split_once('\n').unwrap().1.split("--- ").next().unwrap();
    stanzas.replace("-> ", &format!("-> recipient-stanza {index} "))
}

#[test]
fn a_stanza_is_refused_by_its_place_and_other_files_are_unwrapped() {
    let host = Host::new();
    let seal = |args: &[&str]| envpipe(args).envs(&emulator().environment("")).input("plain").ok();
    let (_, public) = identity(&host.0);
    let good = seal(&["seal", "-k", "alias/backup"]);
    let foreign = seal(&["seal", "-r", &public]);
    let malformed =
        recipient_stanzas(1, &seal(&["seal", "-k", "alias/backup", "-c", "app=x"])).replace(" app=x", " app");
    let altered = recipient_stanzas(3, &good);
    let at = altered.find('\n').unwrap() + 1;
    let digit = if altered[at..].starts_with('A') { "B" } else { "A" };
    let altered = format!("{}{digit}{}", &altered[..at], &altered[at + 1..]);
    let said = format!(
        "-> add-identity {}\n\n{}{}{malformed}{}{altered}{}-> done\n\n{}",
        keys(&["backup"]),
        recipient_stanzas(0, &good),
        recipient_stanzas(1, &foreign),
        recipient_stanzas(2, &foreign),
        recipient_stanzas(7, &good),
        oks(),
    );
    assert_eq!(
        conversation(&host, "count-places", "identity-v1", &said),
        [
            "file-key 0".to_owned(),
            "error stanza 1 1: malformed header, stanza 2 (envpipe/aws-kms): a pair of the encryption context has no '='".into(),
            format!(
                "error stanza 3 0: the stanza of {} is not authentic: KMS gave its data key, but that does not open it",
                emulator().arn("backup")
            ),
            "file-key 7".into(),
        ]
    );
    assert_eq!(emulator().calls("count-places"), ["Decrypt"], "all but one are under one data key");
}

#[test]
fn a_key_in_kms_for_key_agreement_opens_by_the_plugin_and_another_tag_is_no_error() {
    let host = Host::new();
    let seal = |name: &str| envpipe(["seal", "-r", &emulator().recipient(name)]).input("plain").ok();
    let (ours, other) = (recipient_stanzas(0, &seal("p256")), recipient_stanzas(1, &seal("p256-other")));
    let said = |key: &str| format!("-> add-identity {}\n\n{ours}{other}-> done\n\n{}", keys(&[key]), oks());
    assert_eq!(conversation(&host, "count-tags", "identity-v1", &said("p256")), ["file-key 0"]);
    assert_eq!(emulator().calls("count-tags"), ["GetPublicKey", "DeriveSharedSecret"]);
    // A symmetric key is nobody's that a tag is of.
    assert!(conversation(&host, "", "identity-v1", &said("backup")).is_empty());
    // Where that cannot be found out, it is told, and the client may go on with other identities.
    let told = conversation(&host, "AccessDeniedException", "identity-v1", &said("p256"));
    assert!(
        told.len() == 2 && told.iter().all(|told| told.starts_with("msg: kms:GetPublicKey with ")),
        "{told:?}"
    );
    let failed =
        conversation(&host, "DeriveSharedSecret-AccessDeniedException", "identity-v1", &said("p256"));
    assert!(failed[0].starts_with("error identity 0: kms:DeriveSharedSecret with "), "{failed:?}");
}

#[test]
fn a_client_that_breaks_the_protocol_ends_it_with_an_error() {
    let host = Host::new();
    let good = recipient("backup", &[]);
    let long = format!("-> add-recipient {}\n\n", "x".repeat(1024 * 1024));
    for (machine, said, message) in [
        ("recipient-v1", "", "it has left before it was done"),
        ("recipient-v1", "-> add-recipient x\n", "it has left before it was done"),
        ("recipient-v1", "add-recipient\n\n", "what it sends is no stanza"),
        ("recipient-v1", "-> add-recipient x\n!\n", "what it sends is no stanza"),
        ("recipient-v1", "-> add-recipient\n\n", "its command 'add-recipient' is malformed"),
        ("recipient-v1", "-> add-recipient x y\n\n", "its command 'add-recipient' is malformed"),
        ("recipient-v1", "-> wrap-file-key\nAAAA\n", "its command 'wrap-file-key' is malformed"),
        ("recipient-v1", &long, "what it sends is longer than 1 MiB"),
        ("identity-v1", "-> recipient-stanza 0\n\n", "its command 'recipient-stanza' is malformed"),
        ("identity-v1", "-> recipient-stanza x y\n\n", "its command 'recipient-stanza' is malformed"),
        (
            "identity-v1",
            "-> recipient-stanza 1 y\n\n-> recipient-stanza 0 y\n\n",
            "its command 'recipient-stanza' is malformed",
        ),
    ] {
        let finished = host.plugin("", machine, said).run();
        let message = format!("cannot go on with the age client: {message}");
        let message =
            message.replace("the age client: is", "the age client: its command 'recipient-stanza' is");
        finished.fails(1, &message, "").writes_nothing();
    }
    let said =
        format!("-> add-recipient {good}\n\n-> wrap-file-key\n{}\n-> done\n\n-> fail\n\n", FILE_KEYS[0]);
    let finished = host.plugin("", "recipient-v1", &said).run();
    finished.fails(1, "cannot go on with the age client: it answers 'recipient-stanza' with 'fail'", "");
}

#[test]
fn under_its_name_as_a_plugin_it_is_nothing_else() {
    let host = Host::new();
    let program = host.path().join("age-plugin-envpipe");
    let run = |args: &[&str]| Run::new(&program, args).run();
    run(&[]).fails(2, "age-plugin-envpipe is started by age", "envpipe recipient").writes_nothing();
    run(&["seal"]).fails(2, "age-plugin-envpipe is started by age", "envpipe recipient").writes_nothing();
    let finished = run(&["--age-plugin=recipient-v9"]);
    finished.fails(2, "there is no state machine 'recipient-v9'", "may be newer").writes_nothing();
    assert_eq!(run(&["--version"]).0.stdout, Run::new(ENVPIPE, ["--version"]).ok());
    assert!(String::from_utf8(run(&["--help"]).0.stdout).unwrap().contains("age -d -i identity"));
}

#[test]
fn recipients_and_identities_of_kms_keys_work_in_envpipe_itself() {
    let host = Host::new();
    let recipient = host.print("recipients", &["recipient", "-k", "alias/backup", "-c", "app=x"]);
    host.print("identity", &["identity", "-k", "alias/other"]);
    // One has its context, the others that of -c; all are asked for at once, and counted together.
    let args =
        ["seal", "-r", &recipient, "-i", "identity", "-k", emulator().arn("far"), "-c", "app=y", "plain"];
    write(host.path().join("plain"), "plain").unwrap();
    let sealed = host.run("count-seal-to-all", ENVPIPE, &args).ok();
    assert_eq!(emulator().calls("count-seal-to-all"), ["GenerateDataKey"; 3]);
    let header = Header::parse(&sealed[..Header::end(&sealed, 0).unwrap()]).unwrap();
    let mut contexts: Vec<_> = KmsStanza::parse_all(&header.stanzas)
        .unwrap()
        .iter()
        .map(|stanza| (stanza.key.to_string(), stanza.context.get("app").unwrap().to_owned()))
        .collect();
    contexts.sort();
    let expected = |name: &str, value: &str| (emulator().arn(name).to_owned(), value.to_owned());
    let mut all = [expected("far", "y"), expected("other", "y"), expected("backup", "x")];
    all.sort();
    assert_eq!(contexts, all);
    for args in [&["-i", "identity"][..], &["-k", "alias/backup"], &["-k", emulator().arn("far")]] {
        let args = [&["open"], args].concat();
        assert_eq!(host.run("", ENVPIPE, &args).input(sealed.clone()).ok(), b"plain", "{args:?}");
    }
    let size = |more: &[&str]| {
        let args = [&["size", "-r", &recipient][..], more, &["5"]].concat();
        let text = host.run("count-size", ENVPIPE, &args).ok();
        String::from_utf8(text).unwrap().trim().parse::<usize>().unwrap()
    };
    let alone = host.run("", ENVPIPE, &["seal", "-R", "recipients", "plain"]).ok();
    assert!((alone.len()..alone.len() + 700).contains(&size(&[])), "{} {}", alone.len(), size(&[]));
    assert!(emulator().calls("count-size").is_empty());
    // Rewrapped to it, the context is its own; that of the stream stays with --to-key alone.
    let rewrap = ["rewrap", "-k", "alias/other", "--to-recipient", &recipient];
    let rewrapped = host.run("", ENVPIPE, &rewrap).input(sealed.clone()).ok();
    assert!(String::from_utf8_lossy(&rewrapped).contains(" app=x\n"));
    let finished = host.run("", ENVPIPE, &["seal", "-r", &recipient, "-c", "app=y"]).input("plain").run();
    finished.fails(2, "-c is given without a KMS key", "one of its own").writes_nothing();
    let finished = host.run("", ENVPIPE, &["seal", "-r", "age1yubikey1qwt50d05"]).input("plain").run();
    finished.fails(2, "not a recipient: age1yubikey1", "it is for age-plugin-yubikey").writes_nothing();
}

#[test]
fn recipient_and_identity_name_keys_by_their_arns() {
    let host = Host::new();
    let arn = emulator().arn("backup");
    let id = arn.rsplit('/').next().unwrap();
    let alias_arn = arn.replace(&format!("key/{id}"), "alias/backup");
    for name in ["alias/backup", id, arn, &alias_arn] {
        let printed = Recipient::parse(&host.print("x", &["recipient", "-k", name, "-c", "a=b c"])).unwrap();
        assert_eq!(printed.key.to_string(), arn, "{name}");
        assert_eq!(printed.context.get("a"), Some("b c"));
        let printed =
            Identity::parse(&host.print("x", &["identity", "-k", name, "-k", emulator().arn("p256")]));
        let expected = Identity::Keys([arn, emulator().arn("p256")].map(|arn| arn.parse().unwrap()).into());
        assert_eq!(printed, Ok(expected), "{name}");
    }
    // By its ARN, a key needs neither KMS nor credentials.
    let offline = envpipe(["identity", "-k", arn]).ok();
    assert!(String::from_utf8(offline).unwrap().starts_with(&format!("# opened by KMS keys: {arn}\n")));
    let finished = with_kms_at("other-key", ["recipient", "-k", arn]).run();
    finished.fails(3, "it is of another key than the one named", "is it really KMS").writes_nothing();
    let finished = with_kms_at("AccessDeniedException", ["identity", "-k", "alias/backup"]).run();
    finished.fails(3, "kms:DescribeKey with alias/backup", "allow kms:DescribeKey").writes_nothing();
    let finished = with_kms(["recipient", "-k", "alias/p256", "-c", "a=b"]).run();
    finished.fails(2, "is a P-256 key, which has no encryption context", "leave it out").writes_nothing();
    let finished = with_kms(["recipient", "-k", "alias/rsa"]).run();
    finished
        .fails(3, "the key is of spec RSA_2048 for ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT")
        .writes_nothing();
    assert!(read(host.path().join("x")).unwrap().starts_with(b"# opened by KMS keys: "));
}
