//! LMDB's file format, read without mapping it (LMDB 0.9, data version 1, 64-bit little-endian).
//!
//! A truncated file that is mapped kills the process with SIGBUS, and LMDB trusts what stands in
//! its pages. So a shard's pages are walked here with plain reads before it is mapped for the first
//! time, and `verify` reads damaged shards through this walk alone.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use crate::journal::record::{u32_at, u64_at};

/// Sees key, value and offset of an entry.
type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8], u64);

/// Tells by its key whether a large value is wanted.
type Wanted<'a> = &'a dyn Fn(&[u8]) -> bool;

const MAGIC: u32 = 0xBEEF_C0DE;
const DATA_VERSION: u32 = 1;
const HEADER: usize = 16;
const NODE: usize = 8;
const META_AT: usize = HEADER;
const META_LEN: usize = 136;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const OVERFLOW: u16 = 0x04;
const META: u16 = 0x08;
const BIG_DATA: u16 = 0x01;
const NO_PAGE: u64 = u64::MAX;
/// B-trees of 4 KiB pages with more levels than this do not exist.
const MAX_DEPTH: usize = 24;

/// The newest commit an LMDB file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Number of the commit.
    pub txn: u64,
    pub page_size: usize,
    /// Highest page number in use.
    pub last_page: u64,
    pub entries: u64,
    free_root: u64,
    root: u64,
}

/// Something in an LMDB file that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPage {
    /// Byte offset of the page.
    pub offset: u64,
    pub what: String,
}

/// Why a file could not be walked.
#[derive(Debug)]
pub enum PageError {
    Io(io::Error),
    Bad(BadPage),
}

impl From<io::Error> for PageError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn bad<T>(offset: u64, what: impl Into<String>) -> Result<T, PageError> {
    Err(PageError::Bad(BadPage { offset, what: what.into() }))
}

/// An LMDB data file open for plain reads.
pub struct PageFile {
    file: File,
    len: u64,
    pub meta: Meta,
}

/// Reads the newest valid meta page; cheap enough to poll.
pub fn read_meta(path: &Path) -> Result<Meta, PageError> {
    Ok(PageFile::open(path)?.meta)
}

/// LMDB makes a file with one write of two pages; a reader may come between them.
const ATTEMPTS: u32 = 4;

impl PageFile {
    pub fn open(path: &Path) -> Result<Self, PageError> {
        let mut attempt = 1;
        loop {
            match Self::try_open(path) {
                Err(PageError::Bad(_)) if attempt < ATTEMPTS => {
                    std::thread::sleep(Duration::from_millis(attempt.into()));
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    fn try_open(path: &Path) -> Result<Self, PageError> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        // LMDB writes its two meta pages in turn and opens no file in which either has no sense.
        let first = match meta_at(&file, 0)? {
            Ok(meta) => meta,
            Err(what) => return bad(0, what),
        };
        let page_size = first.page_size as u64;
        let meta = match meta_at(&file, page_size)? {
            Ok(second) if second.page_size != first.page_size => {
                return bad(page_size, "the two meta pages differ in page size");
            }
            Ok(second) if second.txn > first.txn => second,
            Ok(_) => first,
            Err(what) => return bad(page_size, what),
        };
        Ok(Self { file, len, meta })
    }

    /// Walks both trees; `each(key, value, offset)` sees every entry of the main one. Large values
    /// whose key `values` does not want come empty.
    pub fn walk(&self, values: Wanted<'_>, each: Visit<'_>) -> Result<(), PageError> {
        let mut seen = HashSet::new();
        let mut entries = 0;
        self.tree(self.meta.root, 0, values, &mut seen, &mut |key, value, offset| {
            entries += 1;
            each(key, value, offset);
        })?;
        if entries != self.meta.entries {
            let what =
                format!("the tree has {entries} entries, its root says {}", self.meta.entries);
            return bad(self.meta.root.saturating_mul(self.meta.page_size as u64), what);
        }
        self.tree(self.meta.free_root, 0, &|_| false, &mut seen, &mut |_, _, _| {})
    }

    fn page(&self, number: u64) -> Result<(Vec<u8>, u64), PageError> {
        let size = self.meta.page_size;
        let offset = number.saturating_mul(size as u64);
        self.inside(number, 1, offset)?;
        let mut page = vec![0; size];
        self.file.read_exact_at(&mut page, offset)?;
        if u64_at(&page, 0) != number {
            return bad(offset, format!("page {number} says it is page {}", u64_at(&page, 0)));
        }
        Ok((page, offset))
    }

    fn inside(&self, number: u64, pages: u64, offset: u64) -> Result<(), PageError> {
        if number < 2 || number.saturating_add(pages - 1) > self.meta.last_page {
            return bad(
                offset,
                format!("page {number} is outside the file's {} pages", self.pages()),
            );
        }
        let end = offset.saturating_add(pages * self.meta.page_size as u64);
        if end > self.len {
            let what = format!("the file ends at {} bytes, inside page {number}", self.len);
            return bad(offset, what);
        }
        Ok(())
    }

    fn pages(&self) -> u64 {
        self.meta.last_page + 1
    }

    fn tree(
        &self,
        number: u64,
        depth: usize,
        values: Wanted<'_>,
        seen: &mut HashSet<u64>,
        each: Visit<'_>,
    ) -> Result<(), PageError> {
        if number == NO_PAGE {
            return Ok(());
        }
        let (page, offset) = self.page(number)?;
        if !seen.insert(number) || depth > MAX_DEPTH {
            return bad(offset, format!("page {number} is in the tree twice"));
        }
        let flags = u16_at(&page, 10);
        let lower = usize::from(u16_at(&page, 12));
        let upper = usize::from(u16_at(&page, 14));
        if lower < HEADER || lower > upper || upper > page.len() || lower % 2 != 0 {
            return bad(offset, format!("page {number}: its free space runs {lower}..{upper}"));
        }
        if flags & (BRANCH | LEAF) == 0 || flags & OVERFLOW != 0 {
            return bad(offset, format!("page {number} is no tree page (flags {flags:#x})"));
        }
        let count = (lower - HEADER) / 2;
        for i in 0..count {
            let at = usize::from(u16_at(&page, HEADER + 2 * i));
            let node = page.get(at..).filter(|n| at >= upper && n.len() >= NODE);
            let Some(node) = node else {
                return bad(offset, format!("page {number}: entry {i} is outside the page"));
            };
            let low = u64::from(u16_at(node, 0)) | u64::from(u16_at(node, 2)) << 16;
            let node_flags = u16_at(node, 4);
            let key_len = usize::from(u16_at(node, 6));
            let Some(key) = node.get(NODE..NODE + key_len) else {
                return bad(offset, format!("page {number}: key {i} is outside the page"));
            };
            if flags & BRANCH != 0 {
                // In a branch the flags are the page number's top 16 bits.
                let child = low | u64::from(node_flags) << 32;
                self.tree(child, depth + 1, values, seen, each)?;
                continue;
            }
            let rest = &node[NODE + key_len..];
            if node_flags & BIG_DATA != 0 {
                if rest.len() < 8 {
                    return bad(offset, format!("page {number}: entry {i} is outside the page"));
                }
                let value = self.overflow(u64_at(rest, 0), low as usize, values(key))?;
                each(key, &value, u64_at(rest, 0).saturating_mul(self.meta.page_size as u64));
            } else {
                let Some(value) = rest.get(..low as usize) else {
                    return bad(offset, format!("page {number}: value {i} is outside the page"));
                };
                each(key, value, offset + at as u64);
            }
        }
        Ok(())
    }

    fn overflow(&self, number: u64, len: usize, values: bool) -> Result<Vec<u8>, PageError> {
        let offset = number.saturating_mul(self.meta.page_size as u64);
        let pages = (HEADER + len).div_ceil(self.meta.page_size) as u64;
        self.inside(number, pages, offset)?;
        let mut header = [0; HEADER];
        self.file.read_exact_at(&mut header, offset)?;
        if u64_at(&header, 0) != number || u16_at(&header, 10) & OVERFLOW == 0 {
            return bad(offset, format!("page {number} should begin a large value"));
        }
        if u64::from(u32_at(&header, 12)) != pages {
            return bad(offset, format!("the large value on page {number} has a wrong length"));
        }
        let mut value = Vec::new();
        if values {
            value.resize(len, 0);
            self.file.read_exact_at(&mut value, offset + HEADER as u64)?;
        }
        Ok(value)
    }
}

fn meta_at(file: &File, offset: u64) -> io::Result<Result<Meta, String>> {
    let mut page = [0; META_AT + META_LEN];
    match file.read_exact_at(&mut page, offset) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            return Ok(Err("the file ends inside its first pages".into()));
        }
        Err(e) => return Err(e),
    }
    let meta = &page[META_AT..];
    if u32_at(meta, 0) != MAGIC || u16_at(&page, 10) & META == 0 {
        return Ok(Err("this is not an LMDB file".into()));
    }
    if u32_at(meta, 4) != DATA_VERSION {
        return Ok(Err(format!("LMDB data version {} is not 1", u32_at(meta, 4))));
    }
    // magic 4, version 4, address 8, map size 8, then two 48-byte trees: free pages and main.
    let (free, main) = (24, 72);
    let page_size = u32_at(meta, free) as usize;
    if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
        return Ok(Err(format!("a page size of {page_size} bytes cannot be")));
    }
    Ok(Ok(Meta {
        txn: u64_at(meta, 128),
        page_size,
        last_page: u64_at(meta, 120),
        entries: u64_at(meta, main + 32),
        free_root: u64_at(meta, free + 40),
        root: u64_at(meta, main + 40),
    }))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}
