//! The manifest says which model a node serves; the configuration says with which settings.
//!
//! Both travel as preimages beside their digests, so that a policy can match by field.

use std::collections::BTreeMap;

use crate::{
    cbor::{CborError, Item, Source, Writer},
    digests::{ConfigDigest, ManifestDigest},
    transcript::Transcript,
};

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// Its name without folders.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its content, hashed while it was copied into private memory.
    pub sha256: [u8; 32],
}

/// Everything that decides what a model answers. See the wire specification, section 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The public name that clients ask for.
    pub name: String,
    /// At least one.
    pub files: Vec<ModelFile>,
    /// Digest of the tokenizer.
    pub tokenizer: [u8; 32],
    /// Digest of the chat template.
    pub template: [u8; 32],
    /// The engine's kind.
    pub engine: String,
    /// The engine's build.
    pub build: String,
    /// Every parameter that changes outputs.
    pub parameters: BTreeMap<String, String>,
    /// Digests of adapters.
    pub adapters: Vec<[u8; 32]>,
}

impl Manifest {
    /// The digest over the exact bytes of an encoded manifest.
    #[must_use]
    pub fn digest(encoded: &[u8]) -> ManifestDigest {
        ManifestDigest(Transcript::new("sealroom/1 manifest").part(encoded).sha256())
    }
}

impl Item for Manifest {
    const NAME: &'static str = "manifest";
    const LIMIT: usize = 64 * 1024;

    fn write(&self, out: &mut Writer) {
        out.map(8).number(1).number(1).number(2).text(&self.name);
        out.number(3).array(self.files.len());
        for file in &self.files {
            out.array(3).text(&file.name).number(file.size).bytes(&file.sha256);
        }
        out.number(4).bytes(&self.tokenizer).number(5).bytes(&self.template);
        out.number(6).array(2).text(&self.engine).text(&self.build);
        out.number(7).texts(&self.parameters);
        out.number(8).array(self.adapters.len());
        for adapter in &self.adapters {
            out.bytes(adapter);
        }
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(8)?;
        from.version()?;
        from.key(2)?;
        let name = from.text()?;
        from.key(3)?;
        let files = read_files(from)?;
        from.key(4)?;
        let tokenizer = from.array_of()?;
        from.key(5)?;
        let template = from.array_of()?;
        from.key(6)?;
        if from.array()? != 2 {
            return Err(from.malformed("engine kind and build"));
        }
        let (engine, build) = (from.text()?, from.text()?);
        from.key(7)?;
        let parameters = from.texts()?;
        from.key(8)?;
        let mut adapters = Vec::new();
        for _ in 0..from.array()? {
            adapters.push(from.array_of()?);
        }
        Ok(Self { name, files, tokenizer, template, engine, build, parameters, adapters })
    }
}

fn read_files(from: &mut Source<'_>) -> Result<Vec<ModelFile>, CborError> {
    let mut files = Vec::new();
    for _ in 0..from.array()? {
        if from.array()? != 3 {
            return Err(from.malformed("file name, size and digest"));
        }
        files.push(ModelFile {
            name: from.text()?,
            size: from.number()?,
            sha256: from.array_of()?,
        });
    }
    if files.is_empty() { Err(from.malformed("at least one file")) } else { Ok(files) }
}

/// Every accepted setting of a node by name, defaults written out. No address and no free text of an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Setting to value.
    pub settings: BTreeMap<String, String>,
}

impl Configuration {
    /// The digest over the exact bytes of an encoded configuration.
    #[must_use]
    pub fn digest(encoded: &[u8]) -> ConfigDigest {
        ConfigDigest(Transcript::new("sealroom/1 config").part(encoded).sha256())
    }
}

impl Item for Configuration {
    const NAME: &'static str = "configuration";
    const LIMIT: usize = 16 * 1024;

    fn write(&self, out: &mut Writer) {
        out.map(2).number(1).number(1).number(2).texts(&self.settings);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(2)?;
        from.version()?;
        from.key(2)?;
        Ok(Self { settings: from.texts()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Manifest {
        let file = ModelFile { name: "model.gguf".into(), size: 98_362_432, sha256: [1; 32] };
        let parameters = [("context", "8192"), ("kv", "f32")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Manifest {
            name: "smollm2-135m-instruct".into(),
            files: vec![file],
            tokenizer: [2; 32],
            template: [3; 32],
            engine: "candle".into(),
            build: "0.1.0".into(),
            parameters: parameters.into(),
            adapters: vec![[4; 32]],
        }
    }

    #[test]
    fn survives_its_own_encoding() {
        assert_eq!(Manifest::decode(&example().encode()), Ok(example()));
        let settings = Configuration { settings: example().parameters };
        assert_eq!(Configuration::decode(&settings.encode()), Ok(settings));
    }

    #[test]
    fn refuses_a_model_without_files() {
        let bytes = Manifest { files: Vec::new(), ..example() }.encode();
        let error = Manifest::decode(&bytes).expect_err("no file");
        assert_eq!(
            error,
            CborError::Malformed { item: "manifest", offset: 28, reason: "at least one file" }
        );
    }
}
